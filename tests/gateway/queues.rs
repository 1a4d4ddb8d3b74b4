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
