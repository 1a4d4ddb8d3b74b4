//! A message without any broker library's types: what the AMQP and the local broker share.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A header value. The variants are those of an AMQP 0.9.1 field table that carry over a
/// republish; every other one is kept as its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum HeaderValue {
    /// No value.
    Void,
    /// Boolean.
    Bool(bool),
    /// Any signed or unsigned integer that fits.
    Int(i64),
    /// Floating point.
    Double(f64),
    /// Text.
    Text(String),
    /// Bytes that are no UTF-8.
    Bytes(Bytes),
    /// Seconds since the epoch.
    Timestamp(u64),
    /// A list.
    List(Vec<HeaderValue>),
    /// A nested table.
    Table(Headers),
}

impl HeaderValue {
    /// The text, where it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, where it is an integer.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<&str> for HeaderValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for HeaderValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for HeaderValue {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// Message headers by name.
pub type Headers = BTreeMap<String, HeaderValue>;

/// The AMQP 0.9.1 basic properties.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Properties {
    /// Application message id; the event id by our convention.
    pub message_id: Option<String>,
    /// Message type; the event kind by our convention.
    pub kind: Option<String>,
    /// Seconds since the epoch.
    pub timestamp: Option<u64>,
    /// MIME type of the body.
    pub content_type: Option<String>,
    /// Encoding of the body, such as `gzip`.
    pub content_encoding: Option<String>,
    /// The publishing application; the event source by our convention.
    pub app_id: Option<String>,
    /// Correlation id of a request.
    pub correlation_id: Option<String>,
    /// Where a reply is expected. Never carried over a republish.
    pub reply_to: Option<String>,
    /// Per-message TTL in milliseconds as text. Never carried over a republish.
    pub expiration: Option<String>,
    /// Validated user id. Never carried over a republish: the broker refuses a foreign one.
    pub user_id: Option<String>,
    /// Message priority.
    pub priority: Option<u8>,
    /// Whether the broker shall keep it on disk (delivery mode 2).
    pub persistent: bool,
    /// Headers.
    pub headers: Headers,
}

/// A message as it is published or delivered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Exchange it is or was published to; empty = the default exchange.
    pub exchange: String,
    /// Routing key; the queue's name on the default exchange.
    pub routing_key: String,
    /// Properties and headers.
    pub properties: Properties,
    /// The body, byte for byte.
    pub body: Bytes,
}

/// A message handed to a consumer, to be settled by its tag on the same channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Delivery tag: counts up from 1 on each channel.
    pub tag: u64,
    /// The broker has handed it out before.
    pub redelivered: bool,
    /// How often before, where the broker counts (quorum queues: `x-delivery-count`).
    pub delivery_count: Option<u64>,
    /// The message.
    pub message: Message,
}
