//! Events that a processor answers with; the runtime publishes them before it acknowledges.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::event::{Event, EventId};

/// Longest chain of follow-ups: an event with this many hops may not have any.
/// A chain that is longer is a loop between services in all cases met so far.
pub const MAX_HOPS: u8 = 16;

/// Namespace of follow-up ids: `UUIDv5(NAMESPACE, "{source id}/{index}")`.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0c_2f5e_58b1_5f0b_9a3e_0d6e_7c1b_a9d4);

/// A follow-up event: what a processor wants published once its event is applied.
///
/// It has no id of its own: the runtime derives it from the source event's id and the
/// follow-up's index, so that a repeat publishes the same ids (law L10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUp {
    kind: String,
    #[serde(deserialize_with = "read_sorted")]
    payload: serde_json::Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exchange: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    routing_key: Option<String>,
}

/// Any package in the build may ask serde_json to keep the order in which keys came.
fn sorted(mut payload: serde_json::Value) -> serde_json::Value {
    payload.sort_all_objects();
    payload
}

fn read_sorted<'de, D: Deserializer<'de>>(from: D) -> Result<serde_json::Value, D::Error> {
    serde_json::Value::deserialize(from).map(sorted)
}

impl FollowUp {
    /// A follow-up of this kind. Without more it goes where the configuration routes its
    /// kind, else to the default exchange of the runtime with the kind as routing key.
    pub fn new(kind: impl Into<String>, payload: serde_json::Value) -> Self {
        Self {
            kind: kind.into(),
            payload: sorted(payload),
            exchange: None,
            routing_key: None,
        }
    }

    /// Routes it to this exchange and key, whatever the configuration says.
    #[must_use]
    pub fn to(mut self, exchange: impl Into<String>, routing_key: impl Into<String>) -> Self {
        self.exchange = Some(exchange.into());
        self.routing_key = Some(routing_key.into());
        self
    }

    /// What happened.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The payload, its keys in sorted order.
    pub fn payload(&self) -> &serde_json::Value {
        &self.payload
    }

    /// The payload as JSON bytes. Keys of a map are in sorted order, so that the same value
    /// gives the same bytes.
    pub fn payload_bytes(&self) -> Bytes {
        Bytes::from(self.payload.to_string())
    }

    /// The exchange asked for, if any.
    pub fn exchange(&self) -> Option<&str> {
        self.exchange.as_deref()
    }

    /// The routing key asked for, if any.
    pub fn routing_key(&self) -> Option<&str> {
        self.routing_key.as_deref()
    }

    /// The id of the follow-up with this index of `source`: the same for every repeat.
    pub fn id(source: &Event, index: usize) -> EventId {
        let name = format!("{}/{index}", source.id());
        EventId::new(Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string())
    }
}
