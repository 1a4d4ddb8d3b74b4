//! Making a server ready.

use fanout_contract::{FailureClass, Processor};
use fanout_neo4j::store::BoltStore;
use fanout_neo4j::{Neo4jProcessor, ledger_size};
use futures::future::join_all;
use std::time::Duration;

use crate::support::events::{at, batch, unique, viewed};
use crate::support::lines::Lines;
use crate::support::{Probe, Server, ready};

/// Seconds.
const IN_2096: i64 = 4_000_000_000;

/// Own servers: the schema is everybody's.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn what_is_missing_is_created_also_by_many_at_once_and_again_after_it_was_dropped() {
    let (lines, _guard) = Lines::capture();
    let server = Server::start().await;
    let processors: Vec<_> = (0..4)
        .map(|_| Neo4jProcessor::new(server.config()).unwrap())
        .collect();

    for result in join_all(processors.iter().map(|processor| processor.prepare())).await {
        result.unwrap();
    }
    let probe = Probe::new(server.port());
    let constraints = "SHOW CONSTRAINTS YIELD name RETURN count(*) AS n";
    assert_eq!(probe.number(constraints).await, 3);

    probe.run("DROP CONSTRAINT applied_event_id").await;
    probe.run("DROP INDEX applied_event_at").await;
    processors[0].prepare().await.unwrap();
    assert_eq!(probe.number(constraints).await, 3);
    let index = "SHOW INDEXES YIELD properties WHERE properties = ['at'] RETURN count(*) AS n";
    assert_eq!(probe.number(index).await, 1);
    // and what the probe wrote is not there
    assert_eq!(probe.number("MATCH (n) RETURN count(n) AS n").await, 0);

    assert_eq!(lines.told("created").level, "info");
    probe.run("CREATE (:User {id: 1})").await;
    processors[0].prepare().await.unwrap();
    lines.told("the ledger is empty, but there are users: what is replayed will count twice");
    let odd = [
        viewed("a", 1, 2, 3),
        viewed("a", 1, 2, 4),
        viewed("b", 1, 2, IN_2096),
    ];
    processors[0].process(&batch(odd)).await.unwrap();
    let clamped = lines.told("event times beyond tomorrow count as tomorrow");
    assert_eq!(clamped.number("events"), 1.0);
    let twice = lines.told("one id with two bodies; the first counts");
    assert_eq!(twice.fields["event.id"], "a");
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn data_that_forbid_the_constraint_end_the_start_with_its_name() {
    let server = Server::start().await;
    Probe::new(server.port())
        .run("UNWIND [1, 1] AS i CREATE (:User {id: i})")
        .await;

    let failure = Neo4jProcessor::new(server.config())
        .unwrap()
        .prepare()
        .await
        .unwrap_err();

    assert_eq!(failure.class(), FailureClass::Permanent);
    assert_eq!(failure.code().as_str(), "neo4j-schema");
    assert!(failure.message().contains("User.id"), "{failure}");
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn the_ledger_is_pruned_in_bounded_steps() {
    let server = Server::start().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());
    let events = (0..25).map(|i| viewed(&format!("e{n}-{i}"), n, n, i));
    processor.process(&batch(events)).await.unwrap();

    let store = BoltStore::new(&server.config()).unwrap();
    let size = async |before| ledger_size(&store, before, Duration::from_secs(60)).await;
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let one_time = size(later).await.unwrap();
    assert_eq!((one_time.entries, one_time.older), (25, 0));
    let newest = viewed(&format!("newest{n}"), n, n, 0);
    processor.process(&batch([newest])).await.unwrap();
    let two_times = size(later).await.unwrap();
    assert_eq!((two_times.entries, two_times.older), (26, 25));
    // whoever prunes leaves the newest
    assert_eq!(Some(two_times.before), two_times.newest);
    assert_eq!(two_times.oldest, one_time.newest);
    assert_eq!(size(at(0)).await.unwrap().before, at(0));

    // entered now, so nothing is older than the events' own time
    assert_eq!(processor.prune_ledger(at(0), 10).await.unwrap(), 0);
    let mut removed = Vec::new();
    while removed.last() != Some(&0) {
        removed.push(processor.prune_ledger(later, 10).await.unwrap());
    }
    assert_eq!(removed, [10, 10, 6, 0]);
    assert_eq!(
        probe
            .number("MATCH (e:AppliedEvent) RETURN count(e) AS n")
            .await,
        0
    );
}

/// What the handbook says of a retention that is too short.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn an_event_that_comes_again_after_its_entry_is_gone_counts_twice() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());
    let events = [
        viewed(&format!("old{n}"), n, n, 0),
        viewed(&format!("young{n}"), n, n, 0),
    ];
    processor.process(&batch(events.clone())).await.unwrap();
    let age = format!("MATCH (e:AppliedEvent {{id: 'old{n}'}}) SET e.at = datetime('2000-01-01')");
    probe.run(&age).await;

    let before = "2000-01-02T00:00:00Z".parse().unwrap();
    assert_eq!(processor.prune_ledger(before, 10).await.unwrap(), 1);
    processor.process(&batch(events)).await.unwrap();
    assert_eq!(probe.edge("VIEWED", n, n).await.unwrap().count, 3);
}
