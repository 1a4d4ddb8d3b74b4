//! Making a server ready.

use fanout_contract::{FailureClass, Processor};
use fanout_neo4j::Neo4jProcessor;
use futures::future::join_all;

use crate::support::events::{at, batch, unique, viewed};
use crate::support::{Probe, Server, ready};

/// Own servers: the schema is everybody's.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn what_is_missing_is_created_also_by_many_at_once_and_again_after_it_was_dropped() {
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

    // entered now, so nothing is older than the events' own time
    assert_eq!(processor.prune_ledger(at(0), 10).await.unwrap(), 0);
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1);
    let mut removed = Vec::new();
    while removed.last() != Some(&0) {
        removed.push(processor.prune_ledger(later, 10).await.unwrap());
    }
    assert_eq!(removed, [10, 10, 5, 0]);
    assert_eq!(
        probe
            .number("MATCH (e:AppliedEvent) RETURN count(e) AS n")
            .await,
        0
    );
}
