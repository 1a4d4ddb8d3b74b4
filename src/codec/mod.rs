//! Bytes and message properties → [`Event`], and follow-ups back into bytes. Pure.
//!
//! Three forms come in: our v1 envelope, the bare event, CloudEvents 1.0 (structured and
//! binary). The body is read in one pass over its top-level keys; the payload is a slice of
//! it, neither copied nor decoded here.
//!
//! Invariant: decoding never panics and never guesses. What cannot be read is permanent,
//! with a code of [`codes`], and says what it does know for the dead letter.

mod body;
mod cloud_events;
mod encode;
mod failure;
mod head;
mod identity;
mod time;
mod value;

pub use encode::{Envelope, encode, encode_follow_up};
pub use failure::{Undecodable, codes};
pub use identity::IdOrigin;

use fanout_contract::{Event, EventBuilder};

use crate::broker::{HeaderValue, Message};
use crate::config::{CodecConfig, Config, ExchangeKind};
use crate::topology::names::headers as names;
use head::Head;

/// A decoded event and what the runtime wants to count about it.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The event.
    pub event: Event,
    /// Where its id came from; [`IdOrigin::Assigned`] is not repeatable and is counted.
    pub id_origin: IdOrigin,
    /// The form it came in.
    pub form: Form,
}

/// The form of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// `{"eventId", "version": "v1", "eventType", "timestamp", "payload"}`.
    Envelope,
    /// The body is the payload; id, kind and time are fields of it.
    Bare,
    /// CloudEvents 1.0, attributes in the body.
    CloudEventStructured,
    /// CloudEvents 1.0, attributes in the headers.
    CloudEventBinary,
}

impl Form {
    /// Stable name for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::Bare => "bare",
            Self::CloudEventStructured => "cloudevents-structured",
            Self::CloudEventBinary => "cloudevents-binary",
        }
    }
}

/// Decodes messages. Built once and shared by all lanes.
#[derive(Clone, Debug)]
pub struct Codec {
    config: CodecConfig,
    id_fields: Vec<String>,
    topic_exchanges: Vec<String>,
}

impl Codec {
    /// A codec of this configuration that takes no kind from routing keys.
    pub fn new(config: CodecConfig) -> Self {
        let mut id_fields = config.id_fields.clone();
        id_fields.extend(config.id_fields_by_kind.values().flatten().cloned());
        id_fields.sort_unstable();
        id_fields.dedup();
        Self {
            config,
            id_fields,
            topic_exchanges: Vec::new(),
        }
    }

    /// The codec that every program of this configuration uses: routing keys mean kinds on
    /// topic exchanges only.
    pub fn from_config(config: &Config) -> Self {
        let topics = config
            .exchanges
            .iter()
            .filter(|exchange| exchange.kind == ExchangeKind::Topic)
            .map(|exchange| exchange.name.clone());
        Self::new(config.codec.clone()).with_topic_exchanges(topics)
    }

    /// Names the topic exchanges: the routing key of what was published there is its kind
    /// where neither body nor properties say one. On a fanout exchange a key means nothing.
    #[must_use]
    pub fn with_topic_exchanges(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.topic_exchanges.extend(names);
        self
    }

    /// The event in a message.
    ///
    /// # Errors
    /// [`Undecodable`]: always permanent, since the same bytes will never decode.
    pub fn decode(&self, message: &Message) -> Result<Decoded, Undecodable> {
        let mut head = Head::default();
        let decoded = self
            .read(message, &mut head)
            .and_then(|form| self.finish(message, &head, form));
        decoded.map_err(|failure| self.undecodable(message, &head, failure))
    }

    fn finish<'m>(
        &self,
        message: &'m Message,
        head: &Head<'m>,
        form: Form,
    ) -> Result<Decoded, fanout_contract::Failure> {
        let kind = self.kind(message, head)?;
        let (id, id_origin) = self.identify(message, head, kind)?;
        let properties = &message.properties;
        let payload = head.payload.clone().unwrap_or_default();
        let mut event = EventBuilder::new(id, kind, payload)
            .attempt(counter(message, names::ATTEMPT).map_or(1, saturated))
            .hops(
                counter(message, names::HOPS).map_or(0, |hops| hops.try_into().unwrap_or(u8::MAX)),
            );
        let published = properties.timestamp.and_then(time::from_property);
        if let Some(at) = head.occurred_at.or(published) {
            event = event.occurred_at(at);
        }
        if let Some(source) = head.source.as_deref().or(properties.app_id.as_deref()) {
            event = event.source(source);
        }
        if let Some(subject) = head.subject.as_deref() {
            event = event.subject(subject);
        }
        if let Some(version) = head.subject_version {
            event = event.subject_version(version);
        }
        if let Some(version) = head.schema_version {
            event = event.schema_version(version);
        }
        if let Some(priority) = properties.priority {
            event = event.priority(priority);
        }
        let parent = properties
            .headers
            .get(names::TRACEPARENT)
            .and_then(HeaderValue::as_str);
        if let Some(parent) = parent.or(head.trace_parent.as_deref()) {
            event = event.trace_parent(parent);
        }
        Ok(Decoded {
            event: event.build(),
            id_origin,
            form,
        })
    }
}

/// A counting header: an integer, or the text of one.
fn counter(message: &Message, name: &str) -> Option<i64> {
    match message.properties.headers.get(name)? {
        HeaderValue::Int(number) => Some(*number),
        HeaderValue::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// A count that is out of range counts as the nearest one in range.
fn saturated(count: i64) -> u32 {
    u32::try_from(count.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod properties_tests;
#[cfg(test)]
mod tests;
