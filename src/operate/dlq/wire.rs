//! A dead letter as a line of JSON that loses nothing: every type of header, every byte.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::letter::DeadLetter;
use crate::broker::{HeaderValue, Headers, Message, Properties};

/// Of this format.
const FORMAT: u32 = 1;

/// One line of an export.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    format: u32,
    /// The dead-letter queue it was in.
    pub(super) dlq: String,
    /// For people and filters; what counts is in the message.
    id: String,
    reason: String,
    exchange: String,
    routing_key: String,
    properties: Props,
    headers: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Props {
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
}

impl Line {
    pub(super) fn of(letter: &DeadLetter) -> Self {
        let (message, from) = (&letter.message, &letter.message.properties);
        let body = std::str::from_utf8(&message.body).ok().map(str::to_owned);
        let encoded = body.is_none().then(|| STANDARD.encode(&message.body));
        Self {
            format: FORMAT,
            dlq: letter.dlq.clone(),
            id: letter.id.clone(),
            reason: letter.reason.clone(),
            exchange: message.exchange.clone(),
            routing_key: message.routing_key.clone(),
            properties: Props {
                message_id: from.message_id.clone(),
                kind: from.kind.clone(),
                timestamp: from.timestamp,
                content_type: from.content_type.clone(),
                content_encoding: from.content_encoding.clone(),
                app_id: from.app_id.clone(),
                correlation_id: from.correlation_id.clone(),
                priority: from.priority,
            },
            headers: table_out(&from.headers),
            body,
            body_base64: encoded,
        }
    }

    /// The message of a line.
    ///
    /// # Errors
    /// What does not fit, for people.
    pub(super) fn message(self) -> Result<Message, String> {
        if self.format != FORMAT {
            return Err(format!(
                "format {} is not read by this version",
                self.format
            ));
        }
        let body = match (self.body, self.body_base64) {
            (Some(text), None) => Bytes::from(text),
            (None, Some(text)) => STANDARD
                .decode(text)
                .map(Bytes::from)
                .map_err(|error| format!("body_base64: {error}"))?,
            _ => return Err("has to have either body or body_base64".to_owned()),
        };
        let props = self.properties;
        Ok(Message {
            exchange: self.exchange,
            routing_key: self.routing_key,
            properties: Properties {
                message_id: props.message_id,
                kind: props.kind,
                timestamp: props.timestamp,
                content_type: props.content_type,
                content_encoding: props.content_encoding,
                app_id: props.app_id,
                correlation_id: props.correlation_id,
                priority: props.priority,
                persistent: true,
                headers: table_in(&self.headers)?,
                ..Properties::default()
            },
            body,
        })
    }
}

fn table_out(headers: &Headers) -> Map<String, Value> {
    let entries = headers.iter();
    entries
        .map(|(name, value)| (name.clone(), out(value)))
        .collect()
}

/// Text, whole numbers, flags, lists and nothing stand for themselves; the rest is an object
/// that names its type.
fn out(value: &HeaderValue) -> Value {
    match value {
        HeaderValue::Void => Value::Null,
        HeaderValue::Bool(flag) => json!(flag),
        HeaderValue::Int(number) => json!(number),
        HeaderValue::Text(text) => json!(text),
        HeaderValue::List(items) => items.iter().map(out).collect(),
        // As text: JSON has neither infinity nor NaN.
        HeaderValue::Double(number) => json!({ "double": number.to_string() }),
        HeaderValue::Bytes(bytes) => json!({ "bytes": STANDARD.encode(bytes) }),
        HeaderValue::Timestamp(seconds) => json!({ "timestamp": seconds }),
        HeaderValue::Table(table) => json!({ "table": table_out(table) }),
    }
}

fn table_in(headers: &Map<String, Value>) -> Result<Headers, String> {
    let read = |(name, value): (&String, &Value)| {
        let value = inward(value).ok_or_else(|| format!("header {name} cannot be read"))?;
        Ok((name.clone(), value))
    };
    headers.iter().map(read).collect()
}

fn inward(value: &Value) -> Option<HeaderValue> {
    Some(match value {
        Value::Null => HeaderValue::Void,
        Value::Bool(flag) => HeaderValue::Bool(*flag),
        Value::Number(number) => HeaderValue::Int(number.as_i64()?),
        Value::String(text) => HeaderValue::Text(text.clone()),
        Value::Array(items) => HeaderValue::List(items.iter().map(inward).collect::<Option<_>>()?),
        Value::Object(object) => {
            let (kind, value) = object.iter().next()?;
            match (kind.as_str(), value) {
                ("double", Value::String(text)) => HeaderValue::Double(text.parse().ok()?),
                ("bytes", Value::String(text)) => {
                    HeaderValue::Bytes(STANDARD.decode(text).ok()?.into())
                }
                ("timestamp", seconds) => HeaderValue::Timestamp(seconds.as_u64()?),
                ("table", Value::Object(table)) => HeaderValue::Table(table_in(table).ok()?),
                _ => return None,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::strategies::header_value;
    use crate::codec::Codec;
    use crate::config::Config;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_message_survives_the_way_out_and_in(
            headers in prop::collection::btree_map("[a-z-]{1,10}", header_value(), 0..4),
            message_id in prop::option::of(".{0,40}"),
            timestamp in any::<Option<u64>>(),
            priority in any::<Option<u8>>(),
            body in any::<Vec<u8>>(),
        ) {
            let properties = Properties {
                message_id, timestamp, priority, headers,
                persistent: true,
                ..Properties::default()
            };
            let message = Message { properties, body: body.into(), ..Message::default() };
            let config = Config::default();
            let codec = Codec::from_config(&config);
            let letter = DeadLetter::read("events.dlq", message, &codec, &config);
            let line = serde_json::to_string(&Line::of(&letter)).unwrap();
            prop_assert!(!line.contains('\n'));
            let back: Line = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(back.message().unwrap(), letter.message);
        }
    }
}
