//! A row becomes a message, or the reason why it cannot.

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use super::rows::Row;
use crate::broker::{HeaderValue, Headers, Message, PublishError};
use crate::codec::{Envelope, encode};
use crate::publish::{BadLine, Stamper};

/// Why a row cannot be published, now or ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Stable code.
    pub(super) code: &'static str,
    /// For people.
    pub(super) reason: String,
}

impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Self {
        Self {
            code: error.code(),
            reason: error.to_string(),
        }
    }
}

/// The message of a row, as our publishers send it.
///
/// # Errors
/// The row holds no event, or one that is too large.
pub(super) fn message(row: &Row, stamper: &Stamper) -> Result<Message, Refusal> {
    let too_large = || Refusal::from(PublishError::TooLarge { bytes: row.bytes });
    let payload = row.payload.as_deref().ok_or_else(too_large)?;
    let body = match &row.kind {
        Some(kind) => envelope(row, kind, payload)?,
        None => Bytes::copy_from_slice(payload.as_bytes()),
    };
    let bytes = body.len();
    let mut message = stamper
        .stamp(body.to_vec(), row.id)
        .map_err(|bad| match bad {
            BadLine::TooLong { .. } => PublishError::TooLarge { bytes }.into(),
            bad => Refusal {
                code: bad.code(),
                reason: bad.to_string(),
            },
        })?;
    if let Some(key) = &row.routing_key {
        message.routing_key.clone_from(key);
    }
    message.properties.headers.extend(headers(&row.headers)?);
    Ok(message)
}

fn envelope(row: &Row, kind: &str, payload: &str) -> Result<Bytes, Refusal> {
    let payload: &RawValue = serde_json::from_str(payload).map_err(invalid)?;
    Ok(encode(&Envelope {
        id: &row.id.to_string(),
        kind,
        occurred_at: Some(row.created_at),
        source: None,
        subject: Some(&row.aggregate),
        subject_version: None,
        payload,
    }))
}

fn headers(text: &str) -> Result<Headers, Refusal> {
    let values: serde_json::Map<String, Value> = serde_json::from_str(text).map_err(invalid)?;
    Ok(table(values))
}

fn table(values: serde_json::Map<String, Value>) -> Headers {
    let header = |(name, value)| (name, header(value));
    values.into_iter().map(header).collect()
}

fn header(value: Value) -> HeaderValue {
    match value {
        Value::Null => HeaderValue::Void,
        Value::Bool(flag) => HeaderValue::Bool(flag),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => HeaderValue::Int(whole),
            (None, Some(real)) => HeaderValue::Double(real),
            (None, None) => HeaderValue::Text(number.to_string()),
        },
        Value::String(text) => HeaderValue::Text(text),
        Value::Array(values) => HeaderValue::List(values.into_iter().map(header).collect()),
        Value::Object(values) => HeaderValue::Table(table(values)),
    }
}

fn invalid(error: serde_json::Error) -> Refusal {
    PublishError::Invalid(error.to_string()).into()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::codec::Codec;
    use crate::config::CodecConfig;
    use uuid::Uuid;

    pub(in crate::publish::outbox) fn stamper() -> Stamper {
        Stamper {
            codec: Codec::new(CodecConfig::default()),
            exchange: "events".to_owned(),
            routing_key: None,
            app_id: "fanout-outbox".to_owned(),
            limit: 1000,
        }
    }

    pub(in crate::publish::outbox) fn row(position: i64, aggregate: &str) -> Row {
        let payload = format!("{{\"n\":{position}}}");
        Row {
            position,
            id: Uuid::from_u128(position.unsigned_abs().into()),
            aggregate: aggregate.to_owned(),
            kind: Some("order.paid".to_owned()),
            routing_key: None,
            bytes: payload.len(),
            payload: Some(payload),
            headers: "{}".to_owned(),
            created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    fn whole(payload: &str) -> Row {
        Row {
            kind: None,
            payload: Some(payload.to_owned()),
            ..row(7, "order-17")
        }
    }

    #[test]
    fn a_row_with_a_kind_goes_out_as_an_envelope_with_its_id_time_and_subject() {
        let message = message(&row(7, "order-17"), &stamper()).unwrap();
        let id = Uuid::from_u128(7).to_string();
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "eventId": id, "version": "v1", "eventType": "order.paid",
                "timestamp": "2026-01-01T00:00:00Z", "subject": "order-17",
                "payload": {"n": 7},
            })
        );
        let properties = message.properties;
        assert_eq!(message.routing_key, "order.paid");
        assert_eq!(properties.message_id, Some(id));
        assert_eq!(properties.kind.as_deref(), Some("order.paid"));
        assert_eq!(properties.app_id.as_deref(), Some("fanout-outbox"));
        assert!(properties.persistent);
    }

    #[test]
    fn a_row_without_a_kind_is_an_event_of_its_own_whose_id_wins() {
        let own = r#"{"event_id":"e-1","event_type":"view","user_id":1}"#;
        let message = message(&whole(own), &stamper()).unwrap();
        assert_eq!(message.body, own.as_bytes());
        assert_eq!(message.properties.message_id.as_deref(), Some("e-1"));
        let bare = r#"{"event_type":"view","user_id":1}"#;
        let message = super::message(&whole(bare), &stamper()).unwrap();
        let id = Uuid::from_u128(7).to_string();
        assert_eq!(message.properties.message_id, Some(id));
    }

    #[test]
    fn routing_key_and_headers_are_those_of_the_row() {
        let row = Row {
            routing_key: Some("shop.eu".to_owned()),
            headers: r#"{"traceparent":"00-a-b-01","n":1,"deep":{"list":[true,null,0.5]}}"#
                .to_owned(),
            ..row(7, "order-17")
        };
        let message = message(&row, &stamper()).unwrap();
        assert_eq!(message.routing_key, "shop.eu");
        let headers = message.properties.headers;
        assert_eq!(headers["traceparent"], HeaderValue::from("00-a-b-01"));
        assert_eq!(headers["n"], HeaderValue::Int(1));
        let list = [
            HeaderValue::Bool(true),
            HeaderValue::Void,
            HeaderValue::Double(0.5),
        ];
        let deep = [("list".to_owned(), HeaderValue::List(list.into()))];
        assert_eq!(headers["deep"], HeaderValue::Table(deep.into()));
    }

    #[test]
    fn what_is_no_event_or_too_large_is_refused_with_its_code() {
        let code = |row: Row| message(&row, &stamper()).unwrap_err().code;
        assert_eq!(code(whole("[1]")), "body-not-object");
        assert_eq!(code(whole("{\"user_id\":1}")), "missing-kind");
        let long = format!("{{\"event_type\":\"{}\"}}", "x".repeat(1000));
        assert_eq!(code(whole(&long)), "publish-too-large");
        let left = Row {
            payload: None,
            bytes: 5000,
            ..row(7, "order-17")
        };
        assert_eq!(code(left), "publish-too-large");
        let odd = Row {
            headers: "[]".to_owned(),
            ..row(7, "order-17")
        };
        assert_eq!(code(odd), "publish-invalid");
    }
}
