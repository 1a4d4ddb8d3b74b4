//! `/live`, `/ready`, `/health`, `/metrics`.

use std::time::Duration;

use serde_json::json;

use crate::rig::{Rig, VERSION, event};

#[tokio::test]
async fn a_gateway_that_is_well_says_so_in_the_documented_shape() {
    let rig = Rig::start().await;
    assert_eq!(
        rig.get("/live").await.with_status(200),
        json!({"alive": true})
    );
    assert_eq!(
        rig.get("/ready").await.with_status(200),
        json!({"ready": true})
    );
    let health = rig.get("/health").await.with_status(200);
    assert_eq!(
        (&health["status"], &health["rabbitmq"]),
        (&json!("healthy"), &json!(true))
    );
    assert_eq!(
        (&health["db"], &health["issues"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(
        (&health["service"], &health["version"]),
        (&json!("fanout-serve"), &json!(VERSION))
    );
    let broker = &health["dependencies"]["rabbitmq"];
    assert_eq!(
        (&broker["status"], &broker["connected"]),
        (&json!("connected"), &json!(true))
    );
    assert_eq!(broker["pending_events"], 3);
    assert_eq!(health.get("progress"), None);
}

#[tokio::test]
async fn without_the_broker_it_is_degraded_and_ready() {
    let rig = Rig::start().await;
    rig.broker.disconnect(Duration::from_secs(3600));
    assert_eq!(rig.get("/ready").await.status, 200);
    let health = rig.get("/health").await.with_status(200);
    assert_eq!(
        (&health["status"], &health["rabbitmq"]),
        (&json!("degraded"), &json!(false))
    );
    assert!(
        health["issues"][0]
            .as_str()
            .unwrap()
            .starts_with("broker-not-connected")
    );
}

#[tokio::test]
async fn without_a_broker_that_is_required_it_is_not_ready() {
    let rig = Rig::with(|config| config.broker.required = true).await;
    assert_eq!(rig.get("/ready").await.status, 200);
    rig.broker.disconnect(Duration::from_secs(3600));
    let problem = rig.get("/ready").await.problem(503);
    assert_eq!(problem["missing"], json!(["rabbitmq"]));
}

#[tokio::test]
async fn metrics_count_events_requests_and_what_waits() {
    let rig = Rig::start().await;
    rig.post(&format!("[{},{{}}]", event("view", "a")))
        .await
        .with_status(202);
    let metrics = rig.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    for line in [
        "fanout_gateway_events_total{outcome=\"confirmed\",code=\"\"} ",
        "fanout_gateway_events_total{outcome=\"rejected\",code=\"missing-kind\"} ",
        "fanout_pending_events 3",
        "fanout_broker_connected ",
        "http_route=\"/events\",http_response_status_code=\"202\"",
    ] {
        assert!(
            metrics.text.contains(line),
            "{line} is missing in\n{}",
            metrics.text
        );
    }
}

#[tokio::test]
async fn the_page_and_what_it_needs_come_from_the_program_alone() {
    let rig = Rig::start().await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/dashboard.css", "text/css; charset=utf-8"),
        ("/dashboard.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = rig.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some(kind));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        // The namespace of SVG is a name, nobody loads it.
        let text = answer.text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("://"), "{path}");
    }
}
