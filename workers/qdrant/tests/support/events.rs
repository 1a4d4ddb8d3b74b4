//! Events as publishers make them.

use bytes::Bytes;
use fanout_contract::{Batch, Event, EventBuilder, EventId};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The time of everything that does not say otherwise.
pub const SECOND_ZERO: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z

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
    let payload = json!({"userId": user.into(), "productId": product.into(), "session": "s"});
    event(id, "product.viewed", second, &payload)
}

pub fn upserted(id: &str, product: impl Into<Value>, second: i64, vector: &[f32]) -> Event {
    let payload = json!({"productId": product.into(), "name": id, "vector": vector});
    event(id, "product.upserted", second, &payload)
}

pub fn deleted(id: &str, product: impl Into<Value>, second: i64) -> Event {
    let payload = json!({"productId": product.into()});
    event(id, "product.deleted", second, &payload)
}

pub fn user_deleted(id: &str, user: impl Into<Value>, second: i64) -> Event {
    event(id, "user.deleted", second, &json!({"userId": user.into()}))
}

pub fn batch(events: impl IntoIterator<Item = Event>) -> Batch {
    Batch::from_events(events.into_iter().collect()).unwrap()
}
