//! Reserves stock for orders, and answers each order with a follow-up event.
//!
//! The shelves stand for a database. They are in memory and gone with the process; a real
//! processor keeps stock and ledger in one transaction. `tests/laws.rs` checks the laws.

use fanout_contract::{
    Batch, EventId, Failure, FollowUp, Outcome, Outcomes, Processor, SkipReason,
};
use futures::future::BoxFuture;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many of each product there are at first.
pub const AT_FIRST: u64 = 1000;

/// The destination: what has been reserved, and the ledger of what was answered.
#[derive(Debug, Default)]
pub struct Shelves {
    /// Reserved so far, by product.
    pub reserved: HashMap<String, u64>,
    answered: HashMap<EventId, FollowUp>,
}

/// The processor. Clones share the shelves.
#[derive(Clone, Debug, Default)]
pub struct Stock(pub Arc<Mutex<Shelves>>);

#[derive(serde::Deserialize)]
struct Order {
    order_id: String,
    product_id: String,
    quantity: u64,
}

impl Shelves {
    /// Reserves what is there. The answer is kept beside the effect: a repeat has no second
    /// effect and gets the same answer (laws L1 and L10).
    fn reserve(&mut self, id: &EventId, order: &Order) -> FollowUp {
        if let Some(answer) = self.answered.get(id) {
            return answer.clone();
        }
        let reserved = self.reserved.entry(order.product_id.clone()).or_default();
        let wanted = reserved.saturating_add(order.quantity);
        let kind = if wanted <= AT_FIRST {
            *reserved = wanted;
            "stock.reserved"
        } else {
            "stock.refused"
        };
        let answer = FollowUp::new(kind, json!({ "order_id": order.order_id }));
        self.answered.insert(id.clone(), answer.clone());
        answer
    }
}

impl Processor for Stock {
    fn name(&self) -> &str {
        "stock"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            let mut outcomes = Outcomes::unsettled(batch);
            let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (slot, event) in batch.iter() {
                let outcome = match event.kind() {
                    "order.placed" => match event.decode::<Order>() {
                        Ok(order) => Outcome::Applied(vec![shelves.reserve(event.id(), &order)]),
                        Err(failure) => Outcome::Failed(failure),
                    },
                    _ => Outcome::Skipped(SkipReason::NotMine),
                };
                outcomes.set(slot, outcome);
            }
            Ok(outcomes)
        })
    }
}
