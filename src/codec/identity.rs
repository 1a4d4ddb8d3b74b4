//! Which event it is: the id, and the kind it depends on.

use fanout_contract::{EventId, Failure};
use serde_json::value::RawValue;
use std::borrow::Cow;
use uuid::Uuid;

use super::Codec;
use super::failure::{Undecodable, codes, permanent};
use super::head::Head;
use super::value::Scalar;
use crate::broker::{HeaderValue, Message};
use crate::config::MissingId;
use crate::topology::names::headers as names;

/// Where an id came from, in the order in which it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdOrigin {
    /// A field of the body, or the attributes of a CloudEvent.
    Body,
    /// The property `message_id`.
    MessageId,
    /// Derived from source, time and body: the same for a redelivery.
    Derived,
    /// Made for this delivery; a redelivery gets another one. Counted, the doctor warns.
    Assigned,
}

impl IdOrigin {
    /// Stable name for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::MessageId => "message-id",
            Self::Derived => "derived",
            Self::Assigned => "assigned",
        }
    }
}

/// Namespace of derived ids: `UUIDv5(NAMESPACE, source NUL time NUL body)`.
const DERIVED: Uuid = Uuid::from_u128(0x2f1d_7b3c_90e4_5c55_8d0a_41c6_f0f3_7e92);
/// Namespace of ids that are too long: `UUIDv5(NAMESPACE, id)`.
const LONG: Uuid = Uuid::from_u128(0x51c4_0a86_7d2e_5b61_b7c3_95d8_1e6a_20f4);
/// An AMQP short string: a longer id would not fit into `message_id`, nor a kind into `type`.
const SHORT_STRING: usize = 255;

impl Codec {
    /// What happened: body → property `type` → routing key of a topic exchange.
    pub(super) fn kind<'h>(
        &self,
        message: &'h Message,
        head: &'h Head<'_>,
    ) -> Result<&'h str, Failure> {
        let kind = self.said_kind(message, head).ok_or_else(|| {
            permanent(
                codes::MISSING_KIND,
                "neither body nor properties say what happened",
            )
        })?;
        if kind.len() > SHORT_STRING {
            return Err(permanent(
                codes::KIND_INVALID,
                "the event's kind is longer than 255 bytes",
            ));
        }
        Ok(kind)
    }

    fn said_kind<'h>(&self, message: &'h Message, head: &'h Head<'_>) -> Option<&'h str> {
        let property = message
            .properties
            .kind
            .as_deref()
            .filter(|kind| !kind.is_empty());
        head.kind
            .as_deref()
            .or(property)
            .or_else(|| self.routing_key(message))
    }

    /// The key it was first published with, where that was to a topic exchange.
    fn routing_key<'h>(&self, message: &'h Message) -> Option<&'h str> {
        let header = |name| {
            message
                .properties
                .headers
                .get(name)
                .and_then(HeaderValue::as_str)
        };
        let (exchange, key) = match (header(names::EXCHANGE), header(names::ROUTING_KEY)) {
            (Some(exchange), Some(key)) => (exchange, key),
            _ => (message.exchange.as_str(), message.routing_key.as_str()),
        };
        let topic = self.topic_exchanges.iter().any(|name| name == exchange);
        Some(key).filter(|key| topic && !key.is_empty())
    }

    /// The id: CloudEvent or body → `message_id` → derived → as configured.
    pub(super) fn identify(
        &self,
        message: &Message,
        head: &Head<'_>,
        kind: &str,
    ) -> Result<(EventId, IdOrigin), Failure> {
        if let Some(id) = &head.cloud_id {
            return Ok((bounded(id), IdOrigin::Body));
        }
        if let Some(id) = self.body_id(head, kind)? {
            return Ok((bounded(&id), IdOrigin::Body));
        }
        if let Some(id) = message_id(message) {
            return Ok((bounded(id), IdOrigin::MessageId));
        }
        if let Some(id) = derived(message, head) {
            return Ok((id, IdOrigin::Derived));
        }
        match self.config.missing_id {
            MissingId::Assign => Ok((EventId::new(Uuid::now_v7().to_string()), IdOrigin::Assigned)),
            MissingId::Reject => Err(permanent(
                codes::MISSING_ID,
                "neither body nor properties identify the event, and it has no time",
            )),
        }
    }

    /// The first field that holds an id: those of the kind, then the general ones.
    fn body_id<'m>(&self, head: &Head<'m>, kind: &str) -> Result<Option<Cow<'m, str>>, Failure> {
        if head.ids.is_empty() {
            return Ok(None);
        }
        let own = self
            .config
            .id_fields_by_kind
            .get(kind)
            .into_iter()
            .flatten();
        for field in own.chain(&self.config.id_fields) {
            match Scalar::of(self.candidate(head, field)) {
                Scalar::Absent => {}
                value => {
                    let id = value.name().ok_or_else(|| {
                        let message = format!("the id in `{field}` is neither text nor an integer");
                        permanent(codes::ID_INVALID, message)
                    })?;
                    return Ok(Some(id));
                }
            }
        }
        Ok(None)
    }

    fn candidate<'m>(&self, head: &Head<'m>, field: &str) -> Option<&'m RawValue> {
        let place = self
            .id_fields
            .binary_search_by(|name| name.as_str().cmp(field))
            .ok()?;
        head.ids
            .iter()
            .rev()
            .find(|(candidate, _)| *candidate == place)
            .map(|(_, raw)| *raw)
    }

    /// The failure with what is known of the event.
    pub(super) fn undecodable(
        &self,
        message: &Message,
        head: &Head<'_>,
        failure: Failure,
    ) -> Undecodable {
        let kind = self
            .said_kind(message, head)
            .filter(|kind| kind.len() <= SHORT_STRING);
        let body = self.body_id(head, kind.unwrap_or_default()).ok().flatten();
        let id = head
            .cloud_id
            .as_deref()
            .or(body.as_deref())
            .or(message_id(message));
        Undecodable {
            id: id.map(bounded),
            kind: kind.map(Into::into),
            failure,
        }
    }
}

fn message_id(message: &Message) -> Option<&str> {
    message
        .properties
        .message_id
        .as_deref()
        .filter(|id| !id.is_empty())
}

/// An id that fits into a message property; a longer one is replaced by its digest.
fn bounded(id: &str) -> EventId {
    if id.len() <= SHORT_STRING {
        return EventId::new(id);
    }
    EventId::new(Uuid::new_v5(&LONG, id.as_bytes()).to_string())
}

/// Without any time two equal bodies could be two events, so there is nothing to derive from.
fn derived(message: &Message, head: &Head<'_>) -> Option<EventId> {
    let time = match message.properties.timestamp {
        Some(published) => published.to_string(),
        None => head.occurred_at?.to_string(),
    };
    let source = head
        .source
        .as_deref()
        .or(message.properties.app_id.as_deref());
    let mut name = Vec::with_capacity(message.body.len().saturating_add(64));
    for part in [source.unwrap_or_default().as_bytes(), time.as_bytes()] {
        name.extend_from_slice(part);
        name.push(0);
    }
    name.extend_from_slice(&message.body);
    Some(EventId::new(Uuid::new_v5(&DERIVED, &name).to_string()))
}
