//! An id has its effect once: twice in a batch, at once, after a lost answer.

use fanout_contract::{EventId, Outcome, Processor, SkipReason, Trace};
use fanout_neo4j::{Neo4jConfig, Neo4jProcessor};
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::json;

use crate::support::events::{at, batch, builder, event, unique, viewed};
use crate::support::server::config_at;
use crate::support::{Mode, Probe, Proxy, Server, ready};

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn an_id_counts_once_in_one_batch_and_in_the_next() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());

    let event = viewed(&format!("a{n}"), n, n + 1, 5);
    let first = processor
        .process(&batch([event.clone(), event.clone()]))
        .await
        .unwrap()
        .into_vec();
    let second = processor.process(&batch([event])).await.unwrap().into_vec();

    assert!(matches!(first[0], Outcome::Applied(_)));
    assert!(matches!(first[1], Outcome::Skipped(SkipReason::Duplicate)));
    assert!(matches!(second[0], Outcome::Skipped(SkipReason::Duplicate)));
    assert_eq!(probe.edge("VIEWED", n, n + 1).await.unwrap().count, 1);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn an_id_with_two_bodies_counts_once_and_the_first_wins() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());

    let id = format!("a{n}");
    let events = [viewed(&id, n, n + 1, 5), viewed(&id, n, n + 2, 6)];
    let outcomes = processor.process(&batch(events)).await.unwrap().into_vec();

    assert!(matches!(
        outcomes[1],
        Outcome::Skipped(SkipReason::Duplicate)
    ));
    assert_eq!(probe.edge("VIEWED", n, n + 1).await.unwrap().count, 1);
    assert_eq!(probe.edge("VIEWED", n, n + 2).await, None);
}

/// Two processes get the same deliveries at the same moment, in other orders.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs Docker: run scripts/test"]
async fn two_processors_at_once_count_every_id_once_and_no_deadlock_gets_out() {
    let server = Server::shared().await;
    let (probe, n) = (Probe::new(server.port()), unique());
    let processors = [ready(server.config()).await, ready(server.config()).await];

    let event = |i: i64| viewed(&format!("e{n}-{i}"), n + i % 5, n + i % 7, i);
    let forwards: Vec<_> = (0..400).map(event).collect();
    let backwards: Vec<_> = forwards.iter().rev().cloned().collect();
    let work = [(&processors[0], forwards), (&processors[1], backwards)];
    join_all(work.map(|(processor, events)| async move {
        for part in events.chunks(100) {
            while let Err(failure) = processor.process(&batch(part.to_vec())).await {
                assert_eq!(failure.code().as_str(), "contention", "{failure}");
            }
        }
    }))
    .await;

    let counted = format!(
        "MATCH (u:User)-[x:VIEWED]->() WHERE {n} <= u.id < {n} + 5 RETURN sum(x.count) AS n"
    );
    assert_eq!(probe.number(&counted).await, 400);
    for i in 0..35 {
        let edge = probe.edge("VIEWED", n + i % 5, n + i % 7).await.unwrap();
        let times: Vec<_> = (0..400)
            .filter(|e| (e % 5, e % 7) == (i % 5, i % 7))
            .collect();
        let (first, last) = (times[0], times[times.len() - 1]);
        assert_eq!(edge.count, i64::try_from(times.len()).unwrap());
        assert_eq!((edge.first_at, edge.last_at), (at(first), at(last)));
        assert_eq!(edge.last_session, Some(format!("s{last}")));
    }
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_commit_whose_answer_was_lost_is_not_counted_again() {
    let server = Server::shared().await;
    let proxy = Proxy::to(server.port()).await;
    let (probe, n) = (Probe::new(server.port()), unique());
    let processor = ready(config_at(proxy.port())).await;
    let events = batch([
        viewed(&format!("a{n}"), n, n + 1, 5),
        viewed(&format!("b{n}"), n, n + 1, 6),
    ]);

    proxy.set(Mode::LoseCommit);
    let failure = processor.process(&events).await.unwrap_err();
    assert_eq!(failure.code().as_str(), "destination-unreachable");
    assert_eq!(proxy.lost_commits(), 1);
    assert_eq!(probe.edge("VIEWED", n, n + 1).await.unwrap().count, 2);

    proxy.set(Mode::Pass);
    let again = processor.process(&events).await.unwrap().into_vec();
    assert!(
        again
            .iter()
            .all(|o| matches!(o, Outcome::Skipped(SkipReason::Duplicate)))
    );
    assert_eq!(probe.edge("VIEWED", n, n + 1).await.unwrap().count, 2);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn projections_of_other_names_keep_ledgers_of_their_own() {
    let server = Server::shared().await;
    let (probe, n) = (Probe::new(server.port()), unique());
    let event = event(
        &format!("a{n}"),
        "view",
        0,
        &json!({"user_id": n, "product_id": n + 1}),
    );
    for projection in [None, Some("other".to_owned()), Some("other".to_owned())] {
        let config = fanout_neo4j::Neo4jConfig {
            projection,
            ..server.config()
        };
        let processor = Neo4jProcessor::new(config).unwrap();
        processor.process(&batch([event.clone()])).await.unwrap();
    }
    assert_eq!(probe.edge("VIEWED", n, n + 1).await.unwrap().count, 2);
    let ids =
        format!("MATCH (e:AppliedEvent) WHERE e.id IN ['a{n}', 'other:a{n}'] RETURN count(e) AS n");
    assert_eq!(probe.number(&ids).await, 2);
}

/// The requests of one transaction go beyond every buffer: 5,000 rows, some of 100 KiB.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_batch_of_any_size_is_one_transaction() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());

    let mut events: Vec<_> = (0..5_000)
        .map(|i| viewed(&format!("e{n}-{i}"), n + i % 100, n + i % 700, i))
        .collect();
    let long = "x".repeat(100 * 1024);
    events.extend((0..3).map(|i| {
        let payload = json!({"userId": n, "productId": n, "session": format!("{long}{i}")});
        event(&format!("long{n}-{i}"), "product.carted", i, &payload)
    }));
    let outcomes = processor.process(&batch(events)).await.unwrap().into_vec();

    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Applied(_)))
    );
    let counted = format!(
        "MATCH (u:User)-[x:VIEWED]->() WHERE {n} <= u.id < {n} + 100 RETURN sum(x.count) AS n"
    );
    assert_eq!(probe.number(&counted).await, 5_000);
    assert_eq!(
        probe.edge("CARTED", n, n).await.unwrap().last_session,
        Some(format!("{long}2"))
    );
}

/// Of 8 KiB and more, neo4rs makes two writes, and the second waits 40 ms (Nagle's algorithm
/// against the server's delayed acknowledgement).
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn no_request_of_a_batch_reaches_8_kib() {
    let server = Server::shared().await;
    let proxy = Proxy::to(server.port()).await;
    let processor = ready(config_at(proxy.port())).await;
    let n = unique();

    // texts of every length class, dates with and without fractions, integers of every size
    let events = (0..3_000_i64).map(|i| {
        let fraction = i64::from(i % 3 == 0) * 123_456_789;
        let at = at(i) + jiff::SignedDuration::from_nanos(fraction);
        let session = "s".repeat(usize::try_from(i % 300).unwrap());
        let user = i.wrapping_mul(7_919_i64.pow(u32::try_from(i % 5).unwrap()));
        let payload = json!({"userId": user, "productId": format!("p{n}-{i}"), "session": session});
        builder(&format!("e{n}-{i}"), "product.viewed", &payload)
            .occurred_at(at)
            .build()
    });
    processor.process(&batch(events)).await.unwrap();

    let largest = proxy.largest_request();
    assert!((7_500..8_192).contains(&largest), "{largest} bytes");
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn the_ledger_tells_what_is_applied_and_when_for_each_projection_by_itself() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let other = ready(Neo4jConfig {
        projection: Some("other".to_owned()),
        ..server.config()
    })
    .await;
    let n = unique();
    let id = |i: i64| EventId::new(format!("told{n}-{i}"));
    // more than fit into one request
    let events: Vec<_> = (0..600).map(|i| viewed(id(i).as_str(), n, n, i)).collect();
    let before = Timestamp::now();
    processor.process(&batch(events)).await.unwrap();
    let mut asked: Vec<EventId> = (0..601).map(id).collect();
    asked.push(EventId::new("x".repeat(5_000)));
    let told = processor.applied(&asked).await.unwrap();
    let told = told.into_traces(asked.len());
    let (applied, not) = told.split_at(600);
    let at = |trace: &Trace| match trace {
        Trace::Applied { at: Some(at) } => (before..=Timestamp::now()).contains(at),
        _ => false,
    };
    assert!(applied.iter().all(at), "{applied:?}");
    assert_eq!(not, [Trace::NotApplied; 2]);
    let elsewhere = other.applied(&asked).await.unwrap();
    assert!(
        elsewhere
            .into_traces(asked.len())
            .iter()
            .all(|t| *t == Trace::NotApplied),
        "another projection has a ledger of its own"
    );
}

/// Whoever asks does not wait for whoever writes.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn the_ledger_is_asked_beside_a_writer_that_hangs() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let n = unique();
    let first = viewed(&format!("beside{n}"), n, n, 1);
    processor.process(&batch([first.clone()])).await.unwrap();
    let probe = Probe::new(server.port());
    let mut lock = probe.graph().start_txn().await.unwrap();
    let locking = format!("MATCH (u:User {{id: {n}}}) SET u._held = true");
    lock.run(neo4rs::query(&locking)).await.unwrap();
    let second = batch([viewed(&format!("behind{n}"), n, n, 2)]);
    let writing = processor.process(&second);
    let asking = async {
        let told = processor.applied(&[first.id().clone()]).await.unwrap();
        assert!(told.into_traces(1)[0].is_applied());
        lock.rollback().await.unwrap();
    };
    let (written, ()) = tokio::join!(writing, asking);
    written.unwrap();
}
