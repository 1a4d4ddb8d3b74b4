//! What users did with products.

use fanout_contract::Processor;
use fanout_contract::{Outcome, SkipReason};
use fanout_embedded::graph::{EmbeddedGraph, GraphError, Kind};
use fanout_neo4j::ledger_size;
use serde_json::json;

use crate::support::{at, did, event, graph, processor, viewed};

#[tokio::test]
async fn a_relationship_counts_events_and_keeps_the_extremes() {
    let graph = graph().await;
    graph
        .apply([viewed("b", 1, 9, 20), viewed("a", 1, 9, 10)])
        .await;
    graph
        .apply([viewed("d", 1, 9, 5), viewed("c", 1, 9, 30)])
        .await;
    graph.apply([did("product.purchased", "e", 1, 9, 40)]).await;
    let relation = graph.relation(Kind::Viewed, 1, 9).unwrap();
    assert_eq!(relation.count, 4);
    assert_eq!((relation.first_at, relation.last_at), (at(5), at(30)));
    assert_eq!(relation.last_session.as_deref(), Some("s30"));
    assert_eq!(graph.relation(Kind::Purchased, 1, 9).unwrap().count, 1);
}

#[tokio::test]
async fn a_repeat_is_a_duplicate_whatever_batch_it_is_in() {
    let graph = graph().await;
    let outcomes = graph
        .apply([viewed("a", 1, 9, 1), viewed("a", 1, 9, 1)])
        .await;
    assert!(matches!(
        outcomes[1],
        Outcome::Skipped(SkipReason::Duplicate)
    ));
    let outcomes = graph
        .apply([viewed("b", 1, 9, 2), viewed("a", 1, 9, 1)])
        .await;
    assert!(matches!(outcomes[0], Outcome::Applied(_)));
    assert!(matches!(
        outcomes[1],
        Outcome::Skipped(SkipReason::Duplicate)
    ));
    assert_eq!(graph.relation(Kind::Viewed, 1, 9).unwrap().count, 2);
    assert_eq!(graph.graph.counts().unwrap().applied, 2);
}

#[tokio::test]
async fn the_greater_session_wins_at_the_same_instant() {
    let graph = graph().await;
    let with = |id: &str, session: Option<&str>| {
        let payload = json!({"userId": 1, "productId": 9, "session": session});
        event(id, "product.viewed", 7, &payload)
    };
    graph.apply([with("a", Some("m"))]).await;
    for (id, session) in [("b", Some("c")), ("c", None)] {
        graph.apply([with(id, session)]).await;
    }
    let session = || graph.relation(Kind::Viewed, 1, 9).unwrap().last_session;
    assert_eq!(session().as_deref(), Some("m"));
    graph.apply([with("d", Some("z"))]).await;
    assert_eq!(session().as_deref(), Some("z"));
}

#[tokio::test]
async fn a_number_and_its_text_are_different_users() {
    let graph = graph().await;
    let text = json!({"userId": "1", "productId": 9});
    graph
        .apply([viewed("a", 1, 9, 1), event("b", "product.viewed", 2, &text)])
        .await;
    assert_eq!(graph.graph.counts().unwrap().users, 2);
    let relations = graph.graph.relations_of(&"1".into(), 10).unwrap();
    assert_eq!(relations[0].last_at, at(2));
}

#[tokio::test]
async fn the_reads_say_who_did_most_and_with_what() {
    let graph = graph().await;
    graph
        .apply([
            viewed("a", 1, 7, 1),
            viewed("b", 1, 8, 2),
            viewed("c", 2, 8, 3),
            did("product.carted", "d", 2, 7, 4),
        ])
        .await;
    let counts = graph.graph.counts().unwrap();
    assert_eq!((counts.users, counts.products), (2, 2));
    assert_eq!((counts.interactions, counts.applied), (4, 4));
    assert_eq!(counts.relationships[&Kind::Viewed], 3);
    let top = graph.graph.top_products(Kind::Viewed, 1).unwrap();
    assert_eq!(top, [(8.into(), 2)]);
    let users = graph.graph.top_users(10).unwrap();
    assert_eq!(users, [(1.into(), 2), (2.into(), 2)]);
}

#[tokio::test]
async fn what_is_pruned_from_the_ledger_can_be_applied_again() {
    let graph = graph().await;
    graph
        .apply((0..5).map(|n| viewed(&format!("e{n}"), 1, 9, n)))
        .await;
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1);
    let size = ledger_size(&graph.graph, later, std::time::Duration::from_secs(10)).await;
    let size = size.unwrap();
    // of one batch, and so of one time
    assert_eq!((size.entries, size.older), (5, 0));
    assert_eq!((size.oldest, Some(size.before)), (size.newest, size.newest));
    assert_eq!(graph.processor.prune_ledger(later, 3).await.unwrap(), 3);
    assert_eq!(graph.processor.prune_ledger(later, 3).await.unwrap(), 2);
    assert_eq!(graph.graph.counts().unwrap().applied, 0);
    assert_eq!(graph.relation(Kind::Viewed, 1, 9).unwrap().count, 5);
}

#[tokio::test]
async fn an_outage_changes_nothing_and_passes() {
    let graph = graph().await;
    graph.graph.set_available(false);
    let batch = fanout_contract::Batch::from_events(vec![viewed("a", 1, 9, 1)]).unwrap();
    let failure = graph.processor.process(&batch).await.unwrap_err();
    assert_eq!(failure.class(), fanout_contract::FailureClass::Unavailable);
    assert!(graph.processor.prepare().await.is_err());
    graph.graph.set_available(true);
    assert_eq!(graph.graph.counts().unwrap().applied, 0);
    graph.apply([viewed("a", 1, 9, 1)]).await;
    assert_eq!(graph.relation(Kind::Viewed, 1, 9).unwrap().count, 1);
}

#[tokio::test]
async fn a_file_has_one_owner_and_can_be_opened_again() {
    let crate::support::Graph {
        graph,
        processor: first,
        folder,
    } = graph().await;
    let file = folder.path().join("graph");
    assert!(matches!(
        EmbeddedGraph::open(&file),
        Err(GraphError::InUse(_))
    ));
    let batch = fanout_contract::Batch::from_events(vec![viewed("a", 1, 9, 1)]).unwrap();
    first.process(&batch).await.unwrap();
    drop((graph, first));
    let again = EmbeddedGraph::open(&file).unwrap();
    let outcomes = processor(&again).process(&batch).await.unwrap().into_vec();
    assert!(matches!(
        outcomes[0],
        Outcome::Skipped(SkipReason::Duplicate)
    ));
}
