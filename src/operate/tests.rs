//! What the worker tells about itself, from the state it is in.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use fanout_contract::{Failure, ReasonCode, codes};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Vitals, router};
use crate::broker::{BrokerError, BrokerStatus, ConnectionState};
use crate::engine::{Monitor, PublishProblem};

/// A worker whose state the test sets.
struct Worker {
    monitor: Arc<Monitor>,
    broker: watch::Sender<BrokerStatus>,
    vitals: Vitals,
}

impl Worker {
    /// With two lanes; everything is well.
    fn well() -> Self {
        let monitor = Arc::new(Monitor::new(2));
        monitor.breaker("closed", None);
        for lane in 0..2 {
            monitor.beat(lane);
            monitor.consuming(lane, true);
        }
        let (broker, status) = watch::channel(BrokerStatus {
            state: ConnectionState::Connected,
            url: "amqp://guest:***@mq:5672/%2f".to_owned(),
            epoch: 1,
            failed_attempts: 0,
            last_error: None,
            blocked: None,
            fatal: None,
        });
        let vitals = Vitals {
            service: "run-worker",
            version: "1.2.3",
            queue: "events.neo4j".to_owned(),
            processor: "neo4j".to_owned(),
            deadline: Duration::from_secs(30),
            monitor: monitor.clone(),
            broker: status,
        };
        Self {
            monitor,
            broker,
            vitals,
        }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let service = TowerToHyperService::new(router(self.vitals.clone()));
        let answer = service.call(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// The one issue of a degraded worker.
    async fn issue(&self) -> String {
        let (status, health) = self.get("/health").await;
        assert_eq!((status, &health["status"]), (200, &json!("degraded")));
        let issues = health["issues"].as_array().unwrap();
        assert_eq!(issues.len(), 1, "{issues:?}");
        issues[0].as_str().unwrap().to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_well_says_so_in_the_documented_shape() {
    let worker = Worker::well();
    worker.monitor.holding(0, 7);
    assert_eq!(worker.get("/live").await, (200, json!({ "alive": true })));
    assert_eq!(worker.get("/ready").await, (200, json!({ "ready": true })));
    let expected = json!({
        "status": "healthy",
        "rabbitmq": true,
        "db": true,
        "service": "run-worker",
        "version": "1.2.3",
        "draining": false,
        "dependencies": {
            "rabbitmq": {
                "status": "connected",
                "connected": true,
                "pending_events": 7,
                "url": "amqp://guest:***@mq:5672/%2f",
            },
            "neo4j": { "status": "connected", "connected": true, "breaker": "closed" },
        },
        "issues": [],
        "progress": {
            "queue": "events.neo4j",
            "consuming_lanes": 2,
            "lanes": 2,
            "last_settled_seconds": null,
            "applied": 0,
            "skipped": 0,
            "retried": 0,
            "dead_lettered": 0,
        },
    });
    assert_eq!(worker.get("/health").await, (200, expected));
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_hangs_is_not_alive_and_unhealthy() {
    let worker = Worker::well();
    tokio::time::advance(Duration::from_secs(10)).await;
    worker.monitor.beat(0);
    assert_eq!(worker.get("/live").await.0, 200);
    tokio::time::advance(Duration::from_secs(1)).await;
    let (status, live) = worker.get("/live").await;
    assert_eq!(status, 503);
    assert_eq!(
        (&live["alive"], &live["stale_lanes"]),
        (&json!(false), &json!([1]))
    );
    let (status, health) = worker.get("/health").await;
    assert_eq!((status, &health["status"]), (503, &json!("unhealthy")));
    assert_eq!(
        health["issues"],
        json!(["lane-stale: lane 1 has not turned for more than 10 s"])
    );
}

#[tokio::test(start_paused = true)]
async fn a_draining_worker_is_alive_and_not_ready() {
    let worker = Worker::well();
    worker.monitor.draining();
    tokio::time::advance(Duration::from_secs(29)).await;
    assert_eq!(worker.get("/live").await.0, 200);
    let (status, ready) = worker.get("/ready").await;
    assert_eq!((status, &ready["detail"]), (503, &json!("draining")));
    assert_eq!(worker.get("/health").await.1["draining"], true);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_away_is_missing_and_an_issue() {
    let worker = Worker::well();
    let failure = Failure::unavailable(codes::DESTINATION_UNREACHABLE, "connection refused");
    worker.monitor.breaker("open", Some(failure));
    let (status, ready) = worker.get("/ready").await;
    assert_eq!((status, &ready["missing"]), (503, &json!(["neo4j"])));
    let issue = worker.issue().await;
    assert_eq!(
        issue,
        "destination-unreachable: neo4j: connection refused; the breaker is open"
    );
    let (_, health) = worker.get("/health").await;
    assert_eq!(
        (&health["rabbitmq"], &health["db"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(health["dependencies"]["neo4j"]["status"], "failed");
    assert_eq!(worker.get("/live").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_does_not_consume_is_not_ready() {
    let worker = Worker::well();
    for lane in 0..2 {
        worker.monitor.consuming(lane, false);
    }
    let (status, ready) = worker.get("/ready").await;
    assert_eq!((status, &ready["missing"]), (503, &json!(["consumers"])));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_refuses_is_named() {
    let worker = Worker::well();
    let cell = worker.monitor.problem_cell();
    cell.set(PublishProblem {
        target: "events.neo4j.retry.5s".to_owned(),
        code: "publish-refused",
        message: "a queue is full".to_owned(),
    });
    let issue = worker.issue().await;
    assert!(
        issue.starts_with("publish-refused: events.neo4j.retry.5s takes no messages"),
        "{issue}"
    );
    assert_eq!(worker.get("/ready").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_connection_is_an_issue() {
    let worker = Worker::well();
    worker
        .broker
        .send_modify(|s| s.blocked = Some("low on disk".to_owned()));
    assert!(worker.issue().await.contains("low on disk"));
}

#[tokio::test(start_paused = true)]
async fn the_flood_guard_is_an_issue_with_its_code() {
    let worker = Worker::well();
    worker
        .monitor
        .flood(Some(ReasonCode::new("payload-invalid")));
    let issue = worker.issue().await;
    assert!(
        issue.starts_with("flood-guard: ") && issue.contains("payload-invalid"),
        "{issue}"
    );
}

#[tokio::test(start_paused = true)]
async fn deliveries_that_nobody_settles_are_an_issue() {
    let worker = Worker::well();
    worker.monitor.settled();
    worker.monitor.holding(1, 3);
    tokio::time::advance(Duration::from_secs(61)).await;
    (0..2).for_each(|lane| worker.monitor.beat(lane));
    let issue = worker.issue().await;
    assert_eq!(
        issue,
        "no-progress: 3 deliveries are held and nothing was settled for 61 s"
    );
    worker.monitor.holding(1, 0);
    assert_eq!(worker.get("/health").await.1["status"], "healthy");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_was_given_up_is_unhealthy() {
    let worker = Worker::well();
    worker.broker.send_modify(|status| {
        status.state = ConnectionState::Failed;
        status.fatal = Some(BrokerError::AccessRefused("login was refused".to_owned()));
    });
    let (status, health) = worker.get("/health").await;
    assert_eq!((status, &health["status"]), (503, &json!("unhealthy")));
    let issues = &health["issues"];
    assert_eq!(
        issues,
        &json!(["broker-access-refused: access refused: login was refused"])
    );
}
