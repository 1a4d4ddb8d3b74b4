//! The processor as a target of the suite.

use fanout_contract::conformance::{Bounds, Fault, Features, Harness, Scope, Support};
use fanout_contract::{Event, Processor};
use fanout_qdrant::store::{Point, QdrantStore};
use fanout_qdrant::{Collection, QdrantConfig, QdrantProcessor};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

use crate::support::events::{event, upserted, viewed};
use crate::support::proxy::{Mode, Proxy};
use crate::support::{Server, ready};

/// Each law has collections of its own.
pub struct Target {
    proxy: Proxy,
    probe: QdrantStore,
    config: QdrantConfig,
}

impl Target {
    pub async fn new() -> Self {
        let server = Server::shared().await;
        let proxy = Proxy::to(server.port()).await;
        let direct = server.config();
        let config = QdrantConfig {
            url: format!("http://127.0.0.1:{}", proxy.port()),
            // below the deadline of 30 s, and long enough for a machine that builds meanwhile
            query_timeout: Duration::from_secs(20),
            ..direct.clone()
        };
        // the probe looks before any processor does
        ready(direct.clone()).await;
        Self {
            proxy,
            probe: QdrantStore::new(&direct).unwrap(),
            config,
        }
    }

    async fn all(&self, collection: Collection) -> Vec<Point> {
        let (mut all, mut from) = (Vec::new(), None);
        loop {
            let (page, next) = self.probe.page(collection, from, 500).await.unwrap();
            all.extend(page);
            match next {
                Some(next) => from = Some(next),
                None => return all,
            }
        }
    }
}

/// Names relative to the scope; nothing that depends on the events' ids.
fn relative(scope: Scope, point: &Point) -> Option<Value> {
    let mut payload = point.json();
    let prefix = format!("{scope}-");
    let texts = ["user_id", "product_id"].map(|key| payload[key].as_str().unwrap_or_default());
    if !texts.iter().any(|text| text.starts_with(&prefix)) {
        return None;
    }
    let fields = payload.as_object_mut().unwrap();
    for ours in ["event_id", "_version", "_vector", "_event"] {
        fields.remove(ours);
    }
    let text = json!([payload, point.vector()]).to_string();
    Some(serde_json::from_str(&text.replace(&prefix, "")).unwrap())
}

impl Harness for Target {
    fn features(&self) -> Features {
        Features {
            versions: Support::Yes,
            follow_ups: Support::No("a projection of vectors answers no event with another"),
            refuse: Support::Yes,
            stall: Support::Yes,
            lose_answer: Support::Yes,
            conflict: Support::No(
                "Qdrant orders writers and reports no conflict; lost swaps are tried again",
            ),
        }
    }

    fn processor(&self) -> BoxFuture<'_, Arc<dyn Processor>> {
        let processor = QdrantProcessor::new(self.config.clone()).unwrap();
        Box::pin(async { Arc::new(processor) as Arc<dyn Processor> })
    }

    /// Three interactions, then the product they are about, so that profiles are folded by
    /// whichever comes last.
    fn good(&self, scope: Scope, n: u32) -> Event {
        let (id, product) = (format!("{scope}-good-{n}"), format!("{scope}-p{}", n / 4));
        if n % 4 == 3 {
            #[allow(clippy::cast_precision_loss)]
            let vector = [1.0, n as f32, -1.0, 0.5];
            let payload = json!({"productId": product, "name": "n", "vector": vector});
            return event(&id, "product.upserted", n.into(), &payload);
        }
        viewed(&id, format!("{scope}-u{}", n % 2), product, n.into())
    }

    fn bad(&self, scope: Scope, n: u32) -> Event {
        let id = format!("{scope}-bad-{n}");
        match n % 2 {
            0 => event(&id, "product.viewed", n.into(), &json!({"productId": "p"})),
            // another dimension than the collection
            _ => upserted(&id, format!("{scope}-p{n}"), n.into(), &[1.0; 3]),
        }
    }

    fn probe(&self, scope: Scope) -> BoxFuture<'_, Value> {
        Box::pin(async move {
            let mut state = serde_json::Map::new();
            for collection in Collection::ALL {
                let points = self.all(collection).await;
                let mut seen: Vec<Value> =
                    points.iter().filter_map(|p| relative(scope, p)).collect();
                seen.sort_by_key(Value::to_string);
                state.insert(collection.name().to_owned(), seen.into());
            }
            state.into()
        })
    }

    fn versions(&self, scope: Scope) -> Option<(Event, Event)> {
        let upsert = |age: &str, second, vector: &[f32]| {
            let payload = json!({"productId": format!("{scope}-v"), "name": age, "vector": vector});
            event(
                &format!("{scope}-{age}"),
                "product.upserted",
                second,
                &payload,
            )
        };
        let older = upsert("older", 1, &[1.0, 0.0, 0.0, 0.0]);
        Some((older, upsert("newer", 2, &[0.0, 1.0, 0.0, 0.0])))
    }

    fn inject(&self, fault: Option<Fault>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.proxy.set(match fault {
                Some(Fault::Refuse) => Mode::Refuse,
                Some(Fault::Stall) => Mode::Swallow,
                Some(Fault::LoseAnswer) => Mode::LoseAnswer,
                _ => Mode::Pass,
            });
        })
    }

    fn bounds(&self) -> Bounds {
        Bounds::default()
    }
}
