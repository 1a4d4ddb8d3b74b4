//! What becomes of a batch when the server, the network or the caller goes away.

use fanout_contract::{Failure, FailureClass, Outcome, Processor, Remedy};
use fanout_neo4j::{Neo4jConfig, Neo4jProcessor};
use neo4rs::query;
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, timeout};

use crate::support::events::{batch, event, unique, viewed};
use crate::support::server::{PASSWORD, config_at};
use crate::support::{Mode, Probe, Proxy, Server, eventually, ready};

fn assert_is(failure: &Failure, class: FailureClass, code: &str) {
    assert_eq!(
        (failure.class(), failure.code().as_str()),
        (class, code),
        "{failure}"
    );
}

/// A transaction of the test's own that holds the lock of a user.
async fn hold_user(probe: &Probe, user: i64) -> neo4rs::Txn {
    let mut held = probe.graph().start_txn().await.unwrap();
    held.run(query(&format!(
        "MERGE (u:User {{id: {user}}}) SET u.held = true"
    )))
    .await
    .unwrap();
    held
}

/// Cut while it waits for a lock, a call holds locks of its own: on its ledger row.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_dropped_call_frees_its_locks_at_once() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());
    let held = hold_user(&probe, n).await;

    let id = format!("a{n}");
    let events = batch([viewed(&id, n, n, 0)]);
    let waiting = Box::pin(processor.process(&events));
    let locked = async {
        eventually("the call holds its ledger row", || async {
            let cypher = format!("MERGE (e:AppliedEvent {{id: '{id}'}}) DELETE e");
            let mut txn = probe.graph().start_txn().await.unwrap();
            let blocked = timeout(Duration::from_millis(300), txn.run(query(&cypher)))
                .await
                .is_err();
            drop(txn);
            blocked
        })
        .await;
    };
    tokio::select! {
        answer = waiting => panic!("the lock did not hold it: {answer:?}"),
        () = locked => {}
    }
    // `waiting` is dropped here.
    let since = Instant::now();
    let mut txn = probe.graph().start_txn().await.unwrap();
    txn.run(query(&format!(
        "MERGE (e:AppliedEvent {{id: '{id}'}}) DELETE e"
    )))
    .await
    .unwrap();
    txn.rollback().await.unwrap();
    let took = since.elapsed();
    assert!(
        took < Duration::from_secs(1),
        "the locks went after {took:?}"
    );

    held.rollback().await.unwrap();
    let outcomes = processor.process(&events).await.unwrap().into_vec();
    assert!(matches!(outcomes[0], Outcome::Applied(_)));
    assert_eq!(probe.edge("VIEWED", n, n).await.unwrap().count, 1);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_lock_that_does_not_come_free_is_contention() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());
    let held = hold_user(&probe, n).await;

    let failure = processor
        .process(&batch([viewed(&format!("a{n}"), n, n, 0)]))
        .await
        .unwrap_err();

    assert_is(&failure, FailureClass::Unavailable, "contention");
    assert_eq!(failure.remedy(), Remedy::Yield);
    held.rollback().await.unwrap();
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_server_that_refuses_is_unavailable_and_used_again_when_it_is_back() {
    let server = Server::shared().await;
    let proxy = Proxy::to(server.port()).await;
    let (probe, n) = (Probe::new(server.port()), unique());
    let processor = ready(config_at(proxy.port())).await;
    let events = batch([viewed(&format!("a{n}"), n, n, 0)]);

    proxy.set(Mode::Refuse);
    let failure = processor.process(&events).await.unwrap_err();
    assert_is(
        &failure,
        FailureClass::Unavailable,
        "destination-unreachable",
    );
    let failure = processor.prepare().await.unwrap_err();
    assert_is(
        &failure,
        FailureClass::Unavailable,
        "destination-unreachable",
    );

    proxy.set(Mode::Pass);
    processor.prepare().await.unwrap();
    processor.process(&events).await.unwrap();
    assert_eq!(probe.edge("VIEWED", n, n).await.unwrap().count, 1);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn silence_is_unavailable_after_the_query_timeout_and_the_repeat_counts_once() {
    let server = Server::shared().await;
    let proxy = Proxy::to(server.port()).await;
    let (probe, n) = (Probe::new(server.port()), unique());
    let patience = Duration::from_secs(5);
    let config = Neo4jConfig {
        query_timeout: patience,
        ..config_at(proxy.port())
    };
    let processor = ready(config).await;
    let events = batch([viewed(&format!("a{n}"), n, n, 0)]);

    proxy.set(Mode::Swallow);
    let since = Instant::now();
    let failure = processor.process(&events).await.unwrap_err();
    assert_is(&failure, FailureClass::Unavailable, "deadline-exceeded");
    assert!(since.elapsed() < patience * 2, "{:?}", since.elapsed());

    proxy.set(Mode::Pass);
    eventually("applied", || async {
        processor.process(&events).await.is_ok()
    })
    .await;
    assert_eq!(probe.edge("VIEWED", n, n).await.unwrap().count, 1);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_stopped_server_is_unavailable_until_it_is_started_again() {
    let server = Server::start().await;
    let processor = ready(server.config()).await;
    let n = unique();
    let events = batch([viewed(&format!("a{n}"), n, n, 0)]);

    server.container().stop().await;
    let failure = processor.process(&events).await.unwrap_err();
    assert_is(
        &failure,
        FailureClass::Unavailable,
        "destination-unreachable",
    );

    server.container().restart().await;
    let port = server.container().host_port(7687).await;
    let processor = Neo4jProcessor::new(config_at(port)).unwrap();
    eventually("ready again", || async {
        processor.prepare().await.is_ok()
    })
    .await;
    processor.process(&events).await.unwrap();
    assert_eq!(
        Probe::new(port).edge("VIEWED", n, n).await.unwrap().count,
        1
    );
}

/// Other than an outage: somebody must mend it, so it ends the start.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_wrong_password_is_permanent_at_the_start_and_an_outage_later() {
    let server = Server::start().await;
    let config = Neo4jConfig {
        password: "wrong-secret".to_owned(),
        ..server.config()
    };
    let processor = Neo4jProcessor::new(config).unwrap();

    let failure = processor.prepare().await.unwrap_err();
    assert_is(&failure, FailureClass::Permanent, "neo4j-authentication");
    assert!(
        failure.message().contains("check user and password"),
        "{failure}"
    );
    let failure = processor
        .process(&batch([viewed("a", 1, 1, 0)]))
        .await
        .unwrap_err();
    assert_is(&failure, FailureClass::Unavailable, "neo4j-authentication");
    assert!(!format!("{failure} {failure:?}").contains("wrong-secret"));

    // The server blocks logins for some seconds after too many wrong ones: not permanent.
    let mut failure = processor.prepare().await.unwrap_err();
    for _ in 0..5 {
        failure = processor.prepare().await.unwrap_err();
    }
    assert_is(&failure, FailureClass::Unavailable, "neo4j-authentication");
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_missing_database_is_permanent_at_the_start() {
    let server = Server::shared().await;
    let config = Neo4jConfig {
        database: Some("nowhere".to_owned()),
        ..server.config()
    };
    let processor = Neo4jProcessor::new(config).unwrap();

    let failure = processor.prepare().await.unwrap_err();
    assert_is(&failure, FailureClass::Permanent, "neo4j-database-missing");
    let failure = processor
        .process(&batch([viewed("a", 1, 1, 0)]))
        .await
        .unwrap_err();
    assert_is(
        &failure,
        FailureClass::Unavailable,
        "neo4j-database-missing",
    );
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_transaction_that_needs_too_much_memory_asks_for_smaller_batches() {
    let server = Server::start_with(&[("db_memory_transaction_max", "8m")], &[]).await;
    let processor = ready(server.config()).await;
    let event = |i: i64| {
        let payload = json!({"userId": i, "productId": i, "session": "x".repeat(1000)});
        event(&format!("e{i}"), "product.viewed", i, &payload)
    };

    let failure = processor
        .process(&batch((0..20_000).map(event)))
        .await
        .unwrap_err();
    assert_is(&failure, FailureClass::Unavailable, "neo4j-memory");
    assert_eq!(failure.remedy(), Remedy::SmallerBatch);
    // half is too much still, a little passes
    processor.process(&batch((0..50).map(event))).await.unwrap();
    let counted = "MATCH ()-[x:VIEWED]->() RETURN sum(x.count) AS n";
    assert_eq!(Probe::new(server.port()).number(counted).await, 50);
}

/// Nothing that a server says, and nothing of an event, may come out in a message.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn messages_carry_no_payload_and_no_secret() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let n = unique();
    let secret = format!("secret-{n}");
    let bad = json!({"userId": {"name": secret.clone()}, "productId": n});
    let outcomes = processor
        .process(&batch([event("x", "view", 0, &bad)]))
        .await
        .unwrap();
    let Some(Outcome::Failed(failure)) = outcomes.get(0) else {
        panic!("{outcomes:?}")
    };
    for text in [
        format!("{failure}"),
        format!("{failure:?}"),
        format!("{processor:?}"),
    ] {
        assert!(
            !text.contains(&secret) && !text.contains(PASSWORD),
            "{text}"
        );
    }
}
