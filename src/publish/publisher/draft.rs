//! An event as a service has it in hand, and the message it becomes.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::broker::{Message, Properties};
use crate::codec::{Envelope, encode};
use crate::topology::names::headers;

/// An event to publish: a kind, a payload, and what else is known.
///
/// ```
/// use fanout::publish::Draft;
///
/// let event = Draft::new("order.placed", &serde_json::json!({"orderId": 7}))?
///     .subject("order-7")
///     .trace_parent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Draft {
    id: Option<String>,
    kind: String,
    payload: Box<RawValue>,
    occurred_at: Option<Timestamp>,
    subject: Option<String>,
    subject_version: Option<u64>,
    trace_parent: Option<String>,
    priority: Option<u8>,
    exchange: Option<String>,
    routing_key: Option<String>,
}

impl Draft {
    /// An event of this kind with this payload, at most 255 bytes of kind.
    ///
    /// # Errors
    /// The payload cannot be written as JSON.
    pub fn new<P: Serialize + ?Sized>(
        kind: impl Into<String>,
        payload: &P,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: None,
            kind: kind.into(),
            payload: to_raw_value(payload)?,
            occurred_at: None,
            subject: None,
            subject_version: None,
            trace_parent: None,
            priority: None,
            exchange: None,
            routing_key: None,
        })
    }

    /// The id, at most 255 bytes; the same id is the same event. Default: a new UUIDv7.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// When it happened. Default: now.
    #[must_use]
    pub fn occurred_at(mut self, at: Timestamp) -> Self {
        self.occurred_at = Some(at);
        self
    }

    /// What it is about: the order among events of one subject is kept. Default: the user or
    /// product of the payload, else none.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Version of the subject after it.
    #[must_use]
    pub fn subject_version(mut self, version: u64) -> Self {
        self.subject_version = Some(version);
        self
    }

    /// W3C `traceparent` of the span it belongs to. Default: none.
    #[must_use]
    pub fn trace_parent(mut self, trace_parent: impl Into<String>) -> Self {
        self.trace_parent = Some(trace_parent.into());
        self
    }

    /// Message priority. Default: by kind, as `publisher.first_kinds` says.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Exchange to publish to. Default: the first one configured.
    #[must_use]
    pub fn exchange(mut self, exchange: impl Into<String>) -> Self {
        self.exchange = Some(exchange.into());
        self
    }

    /// Routing key. Default: the kind.
    #[must_use]
    pub fn routing_key(mut self, key: impl Into<String>) -> Self {
        self.routing_key = Some(key.into());
        self
    }

    /// The v1 envelope with the properties of our publishers.
    pub(super) fn into_message(self, exchange: &str, source: &str) -> Message {
        let id = self.id.unwrap_or_else(|| Uuid::now_v7().to_string());
        let at = self.occurred_at.unwrap_or_else(Timestamp::now);
        let body = encode(&Envelope {
            id: &id,
            kind: &self.kind,
            occurred_at: Some(at),
            source: Some(source),
            subject: self.subject.as_deref(),
            subject_version: self.subject_version,
            payload: &self.payload,
        });
        let mut properties = Properties {
            message_id: Some(id),
            timestamp: u64::try_from(at.as_second()).ok(),
            content_type: Some("application/json".to_owned()),
            app_id: Some(source.to_owned()),
            priority: self.priority,
            persistent: true,
            ..Properties::default()
        };
        if let Some(parent) = self.trace_parent {
            properties
                .headers
                .insert(headers::TRACEPARENT.to_owned(), parent.into());
        }
        Message {
            exchange: self.exchange.unwrap_or_else(|| exchange.to_owned()),
            routing_key: self.routing_key.unwrap_or_else(|| self.kind.clone()),
            properties: Properties {
                kind: Some(self.kind),
                ..properties
            },
            body,
        }
    }
}
