//! The event as a processor sees it: immutable, free of any broker type.

use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;

use crate::failure::{Failure, codes};

/// The idempotence key of an event. Two deliveries with the same id are the same event.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Arc<str>);

impl EventId {
    /// Wraps an id as it was given by the publisher.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One domain event. Cloning is cheap: the payload is shared.
#[derive(Clone)]
pub struct Event {
    pub(crate) id: EventId,
    pub(crate) kind: Arc<str>,
    pub(crate) payload: Bytes,
    pub(crate) subject: Option<Arc<str>>,
    pub(crate) subject_version: Option<u64>,
    pub(crate) occurred_at: Option<Timestamp>,
    pub(crate) source: Option<Arc<str>>,
    pub(crate) schema_version: Option<Arc<str>>,
    pub(crate) priority: Option<u8>,
    pub(crate) trace_parent: Option<Arc<str>>,
    pub(crate) attempt: u32,
    pub(crate) hops: u8,
}

impl Event {
    /// The idempotence key.
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// What happened, such as `product.viewed` or `order.placed`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What the event is about, such as a user or an order; orders and partitions.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Version of the subject after this event; grows monotonically where a publisher gives it.
    pub fn subject_version(&self) -> Option<u64> {
        self.subject_version
    }

    /// When it happened, by the publisher's clock. `None` where the publisher did not say.
    pub fn occurred_at(&self) -> Option<Timestamp> {
        self.occurred_at
    }

    /// The service that published it.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Version of the envelope or schema, such as `v1`.
    pub fn schema_version(&self) -> Option<&str> {
        self.schema_version.as_deref()
    }

    /// Message priority, where the publisher set one.
    pub fn priority(&self) -> Option<u8> {
        self.priority
    }

    /// W3C `traceparent` of the publishing span.
    pub fn trace_parent(&self) -> Option<&str> {
        self.trace_parent.as_deref()
    }

    /// Which attempt this is; the first is 1. Outages and crashes do not raise it.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How many follow-ups lie between the first event of a chain and this one; 0 for the first.
    pub fn hops(&self) -> u8 {
        self.hops
    }

    /// The payload as it was published (JSON by convention), shared with the message body.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Decodes the JSON payload into the caller's type.
    ///
    /// # Errors
    /// A *permanent* [`Failure`] with code [`codes::PAYLOAD_INVALID`]: the same bytes will
    /// never decode, so the event may be answered with it as it stands.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.payload).map_err(|e| {
            Failure::permanent(codes::PAYLOAD_INVALID, without_values(&e)).with_source(e)
        })
    }
}

/// What is wrong and where, but for the values that serde quotes: payloads are not logged.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("missing field") {
        return text;
    }
    let what = match error.classify() {
        serde_json::error::Category::Data => "a value has another type or range than expected",
        serde_json::error::Category::Eof => "the text ends too early",
        _ => "the text is not JSON",
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}

/// Prints what identifies the event. Never the payload: payloads are not logged.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("attempt", &self.attempt)
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// Builds an [`Event`]. Only the runtime and tests make events (features `runtime`, `testing`).
#[cfg(feature = "runtime")]
#[derive(Debug)]
pub struct EventBuilder(Event);

#[cfg(feature = "runtime")]
impl EventBuilder {
    /// An event with id, kind and payload; first attempt, nothing else known.
    pub fn new(id: EventId, kind: impl Into<Arc<str>>, payload: Bytes) -> Self {
        Self(Event {
            id,
            kind: kind.into(),
            payload,
            subject: None,
            subject_version: None,
            occurred_at: None,
            source: None,
            schema_version: None,
            priority: None,
            trace_parent: None,
            attempt: 1,
            hops: 0,
        })
    }

    /// Sets what the event is about.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<Arc<str>>) -> Self {
        self.0.subject = Some(subject.into());
        self
    }

    /// Sets the subject's version.
    #[must_use]
    pub fn subject_version(mut self, version: u64) -> Self {
        self.0.subject_version = Some(version);
        self
    }

    /// Sets when it happened.
    #[must_use]
    pub fn occurred_at(mut self, at: Timestamp) -> Self {
        self.0.occurred_at = Some(at);
        self
    }

    /// Sets the publishing service.
    #[must_use]
    pub fn source(mut self, source: impl Into<Arc<str>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Sets the schema version.
    #[must_use]
    pub fn schema_version(mut self, version: impl Into<Arc<str>>) -> Self {
        self.0.schema_version = Some(version.into());
        self
    }

    /// Sets the priority.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.0.priority = Some(priority);
        self
    }

    /// Sets the W3C trace parent.
    #[must_use]
    pub fn trace_parent(mut self, parent: impl Into<Arc<str>>) -> Self {
        self.0.trace_parent = Some(parent.into());
        self
    }

    /// Sets the attempt; 0 counts as 1.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.0.attempt = attempt.max(1);
        self
    }

    /// Sets the hop count.
    #[must_use]
    pub fn hops(mut self, hops: u8) -> Self {
        self.0.hops = hops;
        self
    }

    /// The finished event.
    pub fn build(self) -> Event {
        self.0
    }
}
