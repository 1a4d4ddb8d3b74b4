//! Who may post and who may purge.

use fanout::config::Secret;

use crate::client::Request;
use crate::rig::{Rig, event};

const PURGE: &str = "/rabbitmq/queues/neo4j/purge";

fn purge() -> Request {
    Request::new("POST", PURGE).body("")
}

#[tokio::test]
async fn with_a_token_purging_needs_it_and_posting_does_not() {
    let rig = Rig::with(|config| config.http.api_token = Some(Secret::new("s3cret"))).await;
    rig.post(&event("view", "a")).await.ids();
    let missing = rig.send(purge()).await;
    missing.problem(401);
    assert_eq!(missing.header("www-authenticate"), Some("Bearer"));
    for wrong in ["Bearer wrong", "Bearer s3cretx", "Basic s3cret"] {
        rig.send(purge().header("authorization", wrong))
            .await
            .problem(401);
    }
    assert_eq!(rig.queued(), ["a"]);
    let right = rig
        .send(purge().header("authorization", "Bearer s3cret"))
        .await;
    assert_eq!(right.with_status(200)["purged"], 1);
    assert!(rig.queued().is_empty());
}

#[tokio::test]
async fn posting_needs_the_token_too_where_that_is_set() {
    let rig = Rig::with(|config| {
        config.http.api_token = Some(Secret::new("s3cret"));
        config.http.api_token_events = true;
    });
    let rig = rig.await;
    rig.post(&event("view", "a")).await.problem(401);
    let request = Request::events(event("view", "b"));
    rig.send(request.header("authorization", "Bearer s3cret"))
        .await
        .ids();
    assert_eq!(rig.queued(), ["b"]);
    assert_eq!(rig.get("/health").await.status, 200);
}

#[tokio::test]
async fn without_a_token_purging_works_from_the_same_host_only() {
    let rig = Rig::start().await;
    rig.post(&event("view", "a")).await.ids();
    for (name, value) in [
        ("x-forwarded-for", "10.0.0.7"),
        ("origin", "http://example.com"),
    ] {
        rig.send(purge().header(name, value)).await.problem(403);
    }
    assert_eq!(rig.queued(), ["a"]);
    assert_eq!(rig.send(purge()).await.with_status(200)["purged"], 1);
}
