//! The body of an event becomes a message as our publishers send it.

use bytes::Bytes;
use fanout_contract::Event;
use jiff::Timestamp;
use uuid::Uuid;

use super::record::BadLine;
use crate::broker::{Headers, Message, Properties};
use crate::codec::{Codec, Form, Undecodable};
use crate::topology::names::headers as names;

/// Gives messages their address and properties. What it lets through is what a worker with
/// the same configuration can read.
#[derive(Clone, Debug)]
pub struct Stamper {
    /// Reads id, kind, time and source.
    pub codec: Codec,
    /// Exchange to publish to.
    pub exchange: String,
    /// Routing key of all messages; `None` = the kind of each.
    pub routing_key: Option<String>,
    /// `app_id` where the event names no source.
    pub app_id: String,
    /// Largest body, bytes.
    pub limit: usize,
}

/// An event as somebody handed it over.
#[derive(Clone, Debug, Default)]
pub struct RawEvent {
    /// The body.
    pub body: Bytes,
    /// Headers of the message: attributes of a binary CloudEvent, trace context.
    pub headers: Headers,
    /// Media type of the data of a binary CloudEvent; no other form needs it.
    pub content_type: Option<String>,
}

/// A message, and the event that a worker reads from it.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// The message.
    pub message: Message,
    /// The event.
    pub event: Event,
}

impl Stamper {
    /// The message for `body`, with `fallback_id` where the body has no id.
    ///
    /// # Errors
    /// The codec reads no event from the body, or it is too large.
    pub fn stamp(&self, body: impl Into<Bytes>, fallback_id: Uuid) -> Result<Message, BadLine> {
        let raw = RawEvent {
            body: body.into(),
            ..RawEvent::default()
        };
        Ok(self.stamp_raw(raw, fallback_id)?.message)
    }

    /// The same for an event that is not in its body alone.
    ///
    /// # Errors
    /// The codec reads no event from it, or its body is too large.
    pub fn stamp_raw(&self, raw: RawEvent, fallback_id: Uuid) -> Result<Stamped, BadLine> {
        if raw.body.len() > self.limit {
            return Err(BadLine::TooLong { limit: self.limit });
        }
        let mut message = Message {
            exchange: self.exchange.clone(),
            routing_key: self.routing_key.clone().unwrap_or_default(),
            properties: Properties {
                message_id: Some(fallback_id.to_string()),
                content_type: raw.content_type,
                persistent: true,
                headers: raw.headers,
                ..Properties::default()
            },
            body: raw.body,
        };
        let decoded = self.codec.decode(&message).map_err(no_event)?;
        let event = decoded.event;
        if self.routing_key.is_none() {
            message.routing_key = event.kind().to_owned();
        }
        if let Some(parent) = event.trace_parent() {
            let header = message
                .properties
                .headers
                .entry(names::TRACEPARENT.to_owned());
            header.or_insert_with(|| parent.into());
        }
        let seconds = event
            .occurred_at()
            .unwrap_or_else(Timestamp::now)
            .as_second();
        message.properties = Properties {
            message_id: Some(event.id().as_str().to_owned()),
            kind: Some(event.kind().to_owned()),
            timestamp: u64::try_from(seconds).ok(),
            content_type: Some(content_type(decoded.form, message.properties.content_type)),
            app_id: Some(event.source().unwrap_or(&self.app_id).to_owned()),
            ..message.properties
        };
        Ok(Stamped { message, event })
    }
}

/// The data of a binary CloudEvent may be anything; its type is an attribute of the event.
fn content_type(form: Form, given: Option<String>) -> String {
    match (form, given) {
        (Form::CloudEventBinary, Some(given)) => given,
        (Form::CloudEventStructured, _) => "application/cloudevents+json".to_owned(),
        (Form::Envelope | Form::Bare | Form::CloudEventBinary, _) => "application/json".to_owned(),
    }
}

fn no_event(undecodable: Undecodable) -> BadLine {
    BadLine::NoEvent {
        code: undecodable.failure.code().as_str(),
        message: undecodable.failure.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CodecConfig;

    const FALLBACK: Uuid = Uuid::from_u128(7);

    fn stamper(routing_key: Option<&str>) -> Stamper {
        Stamper {
            codec: Codec::new(CodecConfig::default()),
            exchange: "events".to_owned(),
            routing_key: routing_key.map(str::to_owned),
            app_id: "fanout-publish".to_owned(),
            limit: 1000,
        }
    }

    fn stamp(body: &str) -> Result<Message, BadLine> {
        stamper(None).stamp(body.as_bytes().to_vec(), FALLBACK)
    }

    #[test]
    fn a_bare_event_gets_the_properties_of_our_publishers_and_keeps_its_bytes() {
        let body = r#"{"user_id":1,"product_id":2,"event_type":"view","event_time":"2019-10-01 00:00:00 UTC"}"#;
        let message = stamp(body).unwrap();
        assert_eq!(message.body, body.as_bytes());
        assert_eq!(message.exchange, "events");
        let properties = message.properties;
        assert_eq!(message.routing_key, properties.kind.clone().unwrap());
        assert_eq!(properties.message_id, Some(FALLBACK.to_string()));
        assert_eq!(properties.timestamp, Some(1_569_888_000));
        assert_eq!(properties.content_type.as_deref(), Some("application/json"));
        assert_eq!(properties.app_id.as_deref(), Some("fanout-publish"));
        assert!(properties.persistent);
    }

    #[test]
    fn the_id_in_the_body_wins_over_that_of_the_line() {
        let message = stamp(r#"{"event_id":"e-1","event_type":"view","user_id":1}"#).unwrap();
        assert_eq!(message.properties.message_id.as_deref(), Some("e-1"));
    }

    #[test]
    fn a_cloud_event_keeps_its_source_and_media_type() {
        let message = stamp(
            r#"{"specversion":"1.0","id":"1","source":"/shop","type":"order.placed","data":{}}"#,
        )
        .unwrap();
        let properties = message.properties;
        assert_eq!(properties.app_id.as_deref(), Some("/shop"));
        assert_eq!(
            properties.content_type.as_deref(),
            Some("application/cloudevents+json")
        );
    }

    #[test]
    fn the_trace_of_an_event_goes_into_its_header() {
        let message = stamp(r#"{"event_type":"view","user_id":1,"traceparent":"00-a-b-01"}"#);
        let headers = message.unwrap().properties.headers;
        assert_eq!(headers[names::TRACEPARENT], "00-a-b-01".into());
        assert!(
            stamp(r#"{"event_type":"view"}"#)
                .unwrap()
                .properties
                .headers
                .is_empty()
        );
    }

    #[test]
    fn a_routing_key_of_the_user_wins_over_the_kind() {
        let body = br#"{"event_type":"order.placed"}"#.to_vec();
        let message = stamper(Some("shop")).stamp(body, FALLBACK).unwrap();
        assert_eq!(message.routing_key, "shop");
        assert_eq!(message.properties.kind.as_deref(), Some("order.placed"));
    }

    #[test]
    fn what_no_worker_could_read_is_a_bad_line_with_the_code_of_its_dead_letter() {
        let code = |body: &str| stamp(body).unwrap_err().code();
        assert_eq!(code("{\"event_type\":"), "body-not-json");
        assert_eq!(code("[1]"), "body-not-object");
        assert_eq!(code("{\"user_id\":1}"), "missing-kind");
        assert_eq!(code(&format!("\"{}\"", "x".repeat(1000))), "line-too-long");
    }
}
