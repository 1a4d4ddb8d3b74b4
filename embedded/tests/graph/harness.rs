//! The processor over the graph as a target of the suite, with a store between them that
//! fails on demand.

use std::sync::Arc;
use std::time::Duration;

use fanout_contract::conformance::{Bounds, Fault, Features, Harness, Scope, Support};
use fanout_contract::{Event, EventBuilder, EventId, FollowUp, Processor};
use fanout_embedded::graph::{EmbeddedGraph, GraphId};
use fanout_neo4j::mapping::{Effect, Interactions, Mapped, Mapping};
use fanout_neo4j::store::{GraphStore, GraphTransaction, Parameters, Record, StoreError};
use fanout_neo4j::{Neo4jConfig, Neo4jProcessor, Statement};
use futures::future::{BoxFuture, pending};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::event;

pub struct Target {
    store: Faulty,
    _folder: TempDir,
}

impl Target {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let graph = EmbeddedGraph::open(&folder.path().join("graph")).unwrap();
        Self {
            store: Faulty {
                graph,
                fault: Arc::default(),
            },
            _folder: folder,
        }
    }
}

/// The graph behind something that loses, holds or refuses.
#[derive(Clone)]
struct Faulty {
    graph: EmbeddedGraph,
    fault: Arc<Mutex<Option<Fault>>>,
}

struct FaultyTransaction {
    inner: Box<dyn GraphTransaction>,
    fault: Arc<Mutex<Option<Fault>>>,
}

fn is(fault: &Mutex<Option<Fault>>, asked: Fault) -> bool {
    *fault.lock() == Some(asked)
}

impl GraphStore for Faulty {
    fn prepare(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.graph.prepare()
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn GraphTransaction>, StoreError>> {
        Box::pin(async {
            if is(&self.fault, Fault::Stall) {
                pending::<()>().await;
            }
            let inner = self.graph.begin().await?;
            let fault = Arc::clone(&self.fault);
            Ok(Box::new(FaultyTransaction { inner, fault }) as Box<dyn GraphTransaction>)
        })
    }
}

impl GraphTransaction for FaultyTransaction {
    fn run<'a>(
        &'a mut self,
        cypher: &'a str,
        parameters: Parameters,
    ) -> BoxFuture<'a, Result<Vec<Record>, StoreError>> {
        if is(&self.fault, Fault::Conflict) {
            let code = "Neo.TransientError.Transaction.DeadlockDetected".to_owned();
            return Box::pin(async { Err(StoreError::Server(code)) });
        }
        self.inner.run(cypher, parameters)
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            self.inner.commit().await?;
            if is(&self.fault, Fault::LoseAnswer) {
                return Err(StoreError::Unreachable("the answer was lost"));
            }
            Ok(())
        })
    }

    fn rollback(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.inner.rollback()
    }
}

/// Confirmed purchases beside the default mapping: they are answered with a follow-up.
struct WithFollowUps;

impl Mapping for WithFollowUps {
    fn statements(&self) -> &[Statement] {
        Interactions.statements()
    }

    fn map(&self, event: &Event, now: Timestamp) -> Mapped {
        if event.kind() != "purchase.confirmed" {
            return Interactions.map(event, now);
        }
        let subject = event.subject().unwrap_or_default();
        let row = vec![
            subject.into(),
            format!("{subject}-bought").into(),
            1.into(),
            now.into(),
            now.into(),
            None::<i64>.into(),
        ];
        // Not the same at each call: only what is stored can be answered again.
        let payload = json!({"at": now.to_string(), "for": subject});
        Effect::new()
            .row(3, row)
            .follow_up(FollowUp::new("receipt.wanted", payload))
            .into()
    }
}

impl Harness for Target {
    fn features(&self) -> Features {
        Features {
            versions: Support::Yes,
            follow_ups: Support::Yes,
            refuse: Support::Yes,
            stall: Support::Yes,
            lose_answer: Support::Yes,
            conflict: Support::Yes,
        }
    }

    fn processor(&self) -> BoxFuture<'_, Arc<dyn Processor>> {
        let config = Neo4jConfig {
            query_timeout: Duration::from_secs(3),
            ..Neo4jConfig::default()
        };
        let processor = Neo4jProcessor::with_store(self.store.clone(), &config, WithFollowUps);
        Box::pin(async { Arc::new(processor) as Arc<dyn Processor> })
    }

    fn good(&self, scope: Scope, n: u32) -> Event {
        let payload = json!({
            "userId": format!("{scope}-u"),
            "productId": format!("{scope}-p{}", n % 7),
            "session": format!("s{n}"),
        });
        let id = format!("{scope}-good-{n}");
        event(&id, "product.viewed", n.into(), &payload)
    }

    fn bad(&self, scope: Scope, n: u32) -> Event {
        let payload = json!({"productId": format!("{scope}-p{n}")});
        let id = format!("{scope}-bad-{n}");
        event(&id, "product.viewed", n.into(), &payload)
    }

    fn probe(&self, scope: Scope) -> BoxFuture<'_, Value> {
        Box::pin(async move {
            let graph = &self.store.graph;
            let id = |name: &str| GraphId::Text(format!("{scope}-{name}"));
            let relative = |id: &GraphId| id.to_string().split_off(9);
            let relations = graph.relations_of(&id("u"), 1_000).unwrap();
            let relations: Vec<_> = relations
                .iter()
                .map(|relation| {
                    let times = (relation.first_at.to_string(), relation.last_at.to_string());
                    let is_now = relative(&relation.product) == "u-bought";
                    json!({
                        "kind": relation.kind, "product": relative(&relation.product),
                        "count": relation.count, "session": relation.last_session,
                        "times": if is_now { None } else { Some(times) },
                    })
                })
                .collect();
            let names = (0..7).map(|n| format!("p{n}"));
            let names = names.chain(["v".to_owned(), "u-bought".to_owned()]);
            let products: Vec<_> = names
                .filter_map(|name| graph.product(&id(&name)).unwrap())
                .map(|product| json!([relative(&product.id), product.deleted, product.name()]))
                .collect();
            json!({"relations": relations, "products": products})
        })
    }

    fn versions(&self, scope: Scope) -> Option<(Event, Event)> {
        let upsert = |age: &str, second| {
            let payload = json!({"productId": format!("{scope}-v"), "name": age});
            event(
                &format!("{scope}-{age}"),
                "product.upserted",
                second,
                &payload,
            )
        };
        Some((upsert("older", 1), upsert("newer", 2)))
    }

    fn with_follow_ups(&self, scope: Scope, n: u32) -> Option<Event> {
        let id = EventId::new(format!("{scope}-confirmed-{n}"));
        let event = EventBuilder::new(id, "purchase.confirmed", "{}".into());
        Some(event.subject(format!("{scope}-u")).build())
    }

    fn inject(&self, fault: Option<Fault>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            *self.store.fault.lock() = fault;
            let refused = fault == Some(Fault::Refuse);
            self.store.graph.set_available(!refused);
        })
    }

    fn bounds(&self) -> Bounds {
        Bounds::default()
    }
}
