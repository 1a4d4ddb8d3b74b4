//! A graph in a folder of the test's own, and events as publishers make them.

use fanout_contract::{Batch, Event, EventBuilder, EventId, Outcome, Processor};
use fanout_embedded::graph::{EmbeddedGraph, GraphId, Kind, Relation};
use fanout_neo4j::mapping::Interactions;
use fanout_neo4j::{Neo4jConfig, Neo4jProcessor};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

pub struct Graph {
    pub graph: EmbeddedGraph,
    pub processor: Neo4jProcessor,
    pub folder: TempDir,
}

pub fn processor(graph: &EmbeddedGraph) -> Neo4jProcessor {
    Neo4jProcessor::with_store(graph.clone(), &Neo4jConfig::default(), Interactions)
}

pub async fn graph() -> Graph {
    let folder = tempfile::tempdir().unwrap();
    let graph = EmbeddedGraph::open(&folder.path().join("graph")).unwrap();
    let processor = processor(&graph);
    processor.prepare().await.unwrap();
    Graph {
        graph,
        processor,
        folder,
    }
}

impl Graph {
    pub async fn apply(&self, events: impl IntoIterator<Item = Event>) -> Vec<Outcome> {
        let batch = Batch::from_events(events.into_iter().collect()).unwrap();
        self.processor.process(&batch).await.unwrap().into_vec()
    }

    /// The only relationship of this kind between the two.
    pub fn relation(&self, kind: Kind, user: i64, product: i64) -> Option<Relation> {
        let relations = self.graph.relations_of(&user.into(), 1_000).unwrap();
        let product = GraphId::Int(product);
        let mut found = relations
            .into_iter()
            .filter(|relation| relation.kind == kind && relation.product == product);
        let one = found.next();
        assert!(found.next().is_none(), "two relationships of one kind");
        one
    }
}

/// An instant some seconds after the first of the year 2026.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

pub fn event(id: &str, kind: &str, second: i64, payload: &Value) -> Event {
    let event = EventBuilder::new(EventId::new(id), kind, payload.to_string().into());
    event.occurred_at(at(second)).build()
}

pub fn did(kind: &str, id: &str, user: i64, product: i64, second: i64) -> Event {
    let payload = json!({"userId": user, "productId": product, "session": format!("s{second}")});
    event(id, kind, second, &payload)
}

pub fn viewed(id: &str, user: i64, product: i64, second: i64) -> Event {
    did("product.viewed", id, user, product, second)
}
