//! `/rabbitmq/…`

use std::time::Duration;

use serde_json::json;

use crate::client::Request;
use crate::rig::{Rig, event};

#[tokio::test]
async fn the_health_of_the_broker_names_its_queues_and_what_waits() {
    let rig = Rig::start().await;
    rig.post(&event("view", "a")).await.ids();
    let health = rig.get("/rabbitmq/health").await.with_status(200);
    assert_eq!(
        (&health["status"], &health["connected"]),
        (&json!("connected"), &json!(true))
    );
    assert_eq!(health["pending_events"], 3);
    assert!(health["url"].is_string());
    assert_eq!(health["queues"]["events.neo4j"]["messages_ready"], 1);
    assert_eq!(health["queues"]["events.qdrant"]["consumers"], 0);
}

#[tokio::test]
async fn the_health_of_a_broker_that_is_away_says_so() {
    let rig = Rig::start().await;
    rig.broker.disconnect(Duration::from_secs(3600));
    let health = rig.get("/rabbitmq/health").await.with_status(200);
    assert_eq!(health["connected"], false);
    assert_eq!(health["queues"]["events.neo4j"], json!(null));
    let answer = rig.get("/rabbitmq/queues/neo4j").await;
    answer.problem(503);
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn a_queue_is_shown_by_key_and_by_name_with_its_stages() {
    let rig = Rig::start().await;
    rig.post(&event("view", "a")).await.ids();
    for name in ["neo4j", "events.neo4j"] {
        let queue = rig
            .get(&format!("/rabbitmq/queues/{name}"))
            .await
            .with_status(200);
        assert_eq!(queue["name"], "events.neo4j");
        assert_eq!(
            (&queue["messages_ready"], &queue["consumers"]),
            (&json!(1), &json!(0))
        );
        assert_eq!(
            queue["messages"],
            json!(null),
            "only the management API knows"
        );
        assert_eq!(queue["messages_unacknowledged"], json!(null));
        assert_eq!(queue["retry"], json!({"5s": 0, "30s": 0, "5m": 0}));
        assert_eq!(queue["dead_letters"], 0);
    }
    let dead = rig
        .get("/rabbitmq/queues/events.dlq")
        .await
        .with_status(200);
    assert_eq!(
        (&dead["role"], &dead["messages_ready"]),
        (&json!("dead-letter"), &json!(0))
    );
}

#[tokio::test]
async fn queues_outside_of_the_topology_are_404() {
    let rig = Rig::start().await;
    for path in [
        "/rabbitmq/queues/other",
        "/rabbitmq/queues/%2e%2e",
        "/rabbitmq/queues/a%2Fb",
    ] {
        rig.get(path).await.problem(404);
    }
    let purge = Request::new("POST", "/rabbitmq/queues/other/purge").body("");
    rig.send(purge).await.problem(404);
}

#[tokio::test]
async fn a_queue_that_does_not_exist_yet_is_404_by_its_name() {
    let rig = Rig::start().await;
    rig.broker.server().delete_queue("events.neo4j");
    let problem = rig.get("/rabbitmq/queues/neo4j").await.problem(404);
    assert!(problem["detail"].as_str().unwrap().contains("events.neo4j"));
}

#[tokio::test]
async fn purging_empties_one_queue_and_says_how_many() {
    let rig = Rig::start().await;
    let events: Vec<_> = (0..5).map(|n| event("view", &n.to_string())).collect();
    rig.post(&format!("[{}]", events.join(","))).await.ids();
    let purge = Request::new("POST", "/rabbitmq/queues/events.neo4j/purge").body("");
    assert_eq!(rig.send(purge).await.with_status(200), json!({"purged": 5}));
    assert_eq!(
        (rig.queue("neo4j").len(), rig.queue("qdrant").len()),
        (0, 5)
    );
}

#[tokio::test]
async fn a_queue_is_paused_shown_as_paused_and_resumed() {
    let rig = Rig::start().await;
    let send = async |path: &str, body: &str| rig.send(Request::new("POST", path).body(body)).await;
    let paused = send("/rabbitmq/queues/neo4j/pause", r#"{"reason":"restore"}"#).await;
    let paused = paused.with_status(200);
    assert_eq!(
        (&paused["paused"], &paused["reason"]),
        (&json!(true), &json!("restore"))
    );
    let shown = rig.get("/rabbitmq/queues/events.neo4j").await;
    assert_eq!(shown.with_status(200)["paused"], true);
    let work = rig.get("/scaling/neo4j").await.with_status(200);
    assert_eq!(work["paused"], true);
    let other = rig.get("/scaling/qdrant").await.with_status(200);
    assert_eq!(other["paused"], false);
    for was_paused in [true, false] {
        let resumed = send("/rabbitmq/queues/events.neo4j/resume", "").await;
        assert_eq!(resumed.with_status(200)["was_paused"], was_paused);
    }
}

#[tokio::test]
async fn only_queues_with_workers_are_paused_and_only_with_a_reason_that_is_one() {
    let rig = Rig::start().await;
    for path in [
        "/rabbitmq/queues/events.dlq/pause",
        "/rabbitmq/queues/other/resume",
    ] {
        rig.send(Request::new("POST", path).body(""))
            .await
            .problem(404);
    }
    rig.get("/scaling/events.dlq").await.problem(404);
    for body in ["{", "[1]", r#"{"why":"x"}"#, r#"{"reason":7}"#] {
        let wish = Request::new("POST", "/rabbitmq/queues/neo4j/pause").body(body);
        rig.send(wish).await.problem(400);
    }
    let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(1_001));
    let wish = Request::new("POST", "/rabbitmq/queues/neo4j/pause").body(long);
    rig.send(wish).await.problem(400);
}

#[tokio::test]
async fn an_autoscaler_is_told_ready_and_retrying_events() {
    let rig = Rig::start().await;
    for id in ["a", "b", "c"] {
        rig.post(&event("view", id)).await.ids();
    }
    let work = rig.get("/scaling/events.neo4j").await.with_status(200);
    assert_eq!(
        work,
        json!({
            "queue": "neo4j", "messages": 3, "ready": 3, "unacknowledged": null, "retry": 0,
            "consumers": 0, "rate": null, "drain_seconds": null, "paused": false,
        })
    );
}
