//! What interactions leave in the graph.

use fanout_contract::{Outcome, Processor, SkipReason};
use fanout_neo4j::Neo4jProcessor;
use serde_json::json;

use crate::support::events::{at, batch, event, unique, viewed};
use crate::support::graph::Edge;
use crate::support::{Probe, Server};

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn an_interaction_becomes_a_relationship_with_count_and_times() {
    let server = Server::shared().await;
    let processor = Neo4jProcessor::new(server.config()).unwrap();
    processor.prepare().await.unwrap();
    let (probe, n) = (Probe::new(server.port()), unique());

    let events = [
        viewed(&format!("a{n}"), n, n + 1, 5),
        viewed(&format!("b{n}"), n, n + 1, 3),
    ];
    let outcomes = processor.process(&batch(events)).await.unwrap().into_vec();

    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Applied(_)))
    );
    let edge = Edge {
        count: 2,
        first_at: at(3),
        last_at: at(5),
        last_session: Some("s5".into()),
    };
    assert_eq!(probe.edge("VIEWED", n, n + 1).await, Some(edge));
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn an_id_counts_once_in_one_batch_and_in_the_next() {
    let server = Server::shared().await;
    let processor = Neo4jProcessor::new(server.config()).unwrap();
    processor.prepare().await.unwrap();
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
async fn all_spellings_of_the_kinds_and_payloads_are_taken() {
    let server = Server::shared().await;
    let processor = Neo4jProcessor::new(server.config()).unwrap();
    processor.prepare().await.unwrap();
    let (probe, n) = (Probe::new(server.port()), unique());

    let kinds = [
        ("VIEWED", ["product.viewed", "view"]),
        ("CARTED", ["product.carted", "cart"]),
        ("UNCARTED", ["product.uncarted", "remove_from_cart"]),
        ("PURCHASED", ["product.purchased", "purchase"]),
    ];
    let mut events = Vec::new();
    for [long, short] in kinds.map(|(_, kinds)| kinds) {
        let envelope = json!({"userId": n, "productId": "p", "session": "s"});
        let bare = json!({"user_id": n, "product_id": "p", "event_type": short, "user_session": "s", "price": 1.5});
        events.push(event(&format!("{long}{n}"), long, 0, &envelope));
        events.push(event(&format!("{short}{n}"), short, 1, &bare));
    }
    processor.process(&batch(events)).await.unwrap();

    for (relationship, _) in kinds {
        let edge = probe.edge(relationship, n, "p").await.unwrap();
        assert_eq!(
            (edge.count, edge.first_at, edge.last_at),
            (2, at(0), at(1)),
            "{relationship}"
        );
    }
}
