//! The laws of the contract, on the example's processor.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;
use fanout_contract::conformance::{Features, Harness, Scope, Support};
use fanout_contract::{Event, EventBuilder, EventId, Processor, conformance_tests};
use fanout_example_stock::Stock;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Default)]
struct Shop(Stock);

const NO_FAULTS: Support = Support::No("the shelves are in memory and cannot fail");

fn order(scope: Scope, name: &str, payload: &Value) -> Event {
    let id = EventId::new(format!("{scope}-{name}"));
    EventBuilder::new(id, "order.placed", Bytes::from(payload.to_string())).build()
}

impl Harness for Shop {
    fn features(&self) -> Features {
        Features {
            versions: Support::No("a reservation has no versions: first come, first served"),
            follow_ups: Support::Yes,
            refuse: NO_FAULTS,
            stall: NO_FAULTS,
            lose_answer: NO_FAULTS,
            conflict: NO_FAULTS,
        }
    }

    fn processor(&self) -> BoxFuture<'_, Arc<dyn Processor>> {
        Box::pin(async { Arc::new(self.0.clone()) as Arc<dyn Processor> })
    }

    fn good(&self, scope: Scope, n: u32) -> Event {
        let product = format!("{scope}/{}", n % 3);
        let payload = json!({ "order_id": n.to_string(), "product_id": product, "quantity": 1 });
        order(scope, &n.to_string(), &payload)
    }

    fn bad(&self, scope: Scope, n: u32) -> Event {
        order(
            scope,
            &format!("bad-{n}"),
            &json!({ "order_id": "without a product" }),
        )
    }

    fn with_follow_ups(&self, scope: Scope, n: u32) -> Option<Event> {
        Some(self.good(scope, n))
    }

    fn probe(&self, scope: Scope) -> BoxFuture<'_, Value> {
        Box::pin(async move {
            let shelves = self.0.0.lock().unwrap();
            let prefix = format!("{scope}/");
            let reserved = shelves.reserved.iter();
            reserved
                .filter_map(|(product, n)| {
                    Some((product.strip_prefix(&prefix)?.to_owned(), json!(n)))
                })
                .collect::<serde_json::Map<_, _>>()
                .into()
        })
    }
}

conformance_tests!(Shop::default(), #[tokio::test(start_paused = true)]);
