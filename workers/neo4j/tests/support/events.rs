//! Events as publishers make them.

use bytes::Bytes;
use fanout_contract::{Batch, Event, EventBuilder, EventId};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// The time of everything that does not say otherwise.
pub const SECOND_ZERO: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A number no other test of this run has, in steps of a million.
pub fn unique() -> i64 {
    i64::try_from(NEXT.fetch_add(1, Ordering::Relaxed)).unwrap() * 1_000_000
}

/// An instant some seconds after the first.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(SECOND_ZERO + second).unwrap()
}

pub fn event(id: &str, kind: &str, second: i64, payload: &Value) -> Event {
    builder(id, kind, payload).occurred_at(at(second)).build()
}

pub fn builder(id: &str, kind: &str, payload: &Value) -> EventBuilder {
    EventBuilder::new(EventId::new(id), kind, Bytes::from(payload.to_string()))
}

/// A view of a product, in the envelope's spelling.
pub fn viewed(id: &str, user: impl Into<Value>, product: impl Into<Value>, second: i64) -> Event {
    let payload = json!({
        "userId": user.into(),
        "productId": product.into(),
        "session": format!("s{second}"),
    });
    event(id, "product.viewed", second, &payload)
}

pub fn batch(events: impl IntoIterator<Item = Event>) -> Batch {
    Batch::from_events(events.into_iter().collect()).unwrap()
}
