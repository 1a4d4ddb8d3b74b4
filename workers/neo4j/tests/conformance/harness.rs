//! The processor as a target of the suite.

use fanout_contract::conformance::{Bounds, Fault, Features, Harness, Scope, Support};
use fanout_contract::{Event, FollowUp, Processor};
use fanout_neo4j::mapping::{Effect, Interactions, Mapped, Mapping};
use fanout_neo4j::{Neo4jConfig, Neo4jProcessor, Statement};
use futures::future::BoxFuture;
use jiff::Timestamp;
use neo4rs::{Txn, query};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::support::events::{event, viewed};
use crate::support::server::config_at;
use crate::support::{Mode, Probe, Proxy, Server};

/// One law at a time: a conflict is made for the whole server.
static TURN: Mutex<Option<Arc<Mutex<()>>>> = Mutex::const_new(None);

pub struct Target {
    proxy: Proxy,
    probe: Probe,
    /// Holds the lock that every writer needs, while there is to be a conflict.
    conflict: Mutex<Option<Txn>>,
    _turn: OwnedMutexGuard<()>,
}

impl Target {
    pub async fn new() -> Self {
        let turn = Arc::clone(TURN.lock().await.get_or_insert_default());
        let turn = turn.lock_owned().await;
        let server = Server::shared().await;
        Self {
            proxy: Proxy::to(server.port()).await,
            probe: Probe::new(server.port()),
            conflict: Mutex::default(),
            _turn: turn,
        }
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
            // below the deadline of 30 s, and long enough for a machine that builds meanwhile
            query_timeout: Duration::from_secs(20),
            ..config_at(self.proxy.port())
        };
        let processor = Neo4jProcessor::with_mapping(config, WithFollowUps).unwrap();
        Box::pin(async { Arc::new(processor) as Arc<dyn Processor> })
    }

    fn good(&self, scope: Scope, n: u32) -> Event {
        let product = format!("{scope}-p{}", n % 7);
        viewed(
            &format!("{scope}-good-{n}"),
            format!("{scope}-u"),
            product,
            n.into(),
        )
    }

    fn bad(&self, scope: Scope, n: u32) -> Event {
        let payload = json!({"productId": format!("{scope}-p{n}")});
        event(
            &format!("{scope}-bad-{n}"),
            "product.viewed",
            n.into(),
            &payload,
        )
    }

    fn probe(&self, scope: Scope) -> BoxFuture<'_, Value> {
        Box::pin(async move {
            let cypher = format!(
                "MATCH (n) WHERE (n:User OR n:Product) AND n.id STARTS WITH '{scope}-' \
                 OPTIONAL MATCH (n)-[x]->(p) \
                 RETURN labels(n) AS labels, substring(n.id, 9) AS id, n.name AS name, \
                 type(x) AS type, x.count AS count, toString(x.first_at) AS first_at, \
                 toString(x.last_at) AS last_at, x.last_session AS session, \
                 substring(p.id, 9) AS product ORDER BY labels, id, type, product"
            );
            let rows = self.probe.rows(&cypher).await;
            rows.iter().map(|row| row.to::<Value>().unwrap()).collect()
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
        let id = fanout_contract::EventId::new(format!("{scope}-confirmed-{n}"));
        let event = fanout_contract::EventBuilder::new(id, "purchase.confirmed", "{}".into());
        Some(event.subject(format!("{scope}-u")).build())
    }

    fn inject(&self, fault: Option<Fault>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(held) = self.conflict.lock().await.take() {
                held.rollback().await.unwrap();
            }
            self.proxy.set(match fault {
                Some(Fault::Refuse) => Mode::Refuse,
                Some(Fault::Stall) => Mode::Swallow,
                Some(Fault::LoseAnswer) => Mode::LoseCommit,
                _ => Mode::Pass,
            });
            if fault == Some(Fault::Conflict) {
                // A change of the schema under way keeps every writer of the label waiting,
                // until the server's db.lock.acquisition.timeout ends the wait.
                let mut held = self.probe.graph().start_txn().await.unwrap();
                let index = "CREATE INDEX held FOR (e:AppliedEvent) ON (e.held)";
                held.run(query(index)).await.unwrap();
                *self.conflict.lock().await = Some(held);
            }
        })
    }

    fn bounds(&self) -> Bounds {
        Bounds::default()
    }
}
