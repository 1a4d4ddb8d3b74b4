//! Dead letters as JSON, for the command line and HTTP alike; what must not be seen is masked.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::letter::{DeadLetter, HistoryEntry};
use crate::broker::{HeaderValue, Properties};

/// What stands where something is masked.
const MASK: &str = "***";

/// What a list says of a dead letter.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    /// The event's id.
    pub id: &'a str,
    /// Short id of its group.
    pub group: String,
    /// The dead-letter queue.
    pub dlq: &'a str,
    /// The queue of origin.
    pub queue: Option<&'a str>,
    /// Kind of the event.
    pub kind: Option<&'a str>,
    /// Subject key.
    pub key: Option<&'a str>,
    /// Reason code.
    pub reason: &'a str,
    /// Error text.
    pub error: &'a str,
    /// The attempt that failed last.
    pub attempt: u32,
    /// When it first failed.
    pub first_failed_at: Option<String>,
    /// When it was dead-lettered.
    pub dead_lettered_at: Option<String>,
    /// The broker itself dead-lettered it.
    pub by_broker: bool,
    /// The replay it came back from.
    pub replayed_by: Option<&'a str>,
    /// Whether its event is applied all the same; null where nobody knows.
    pub applied: Option<bool>,
    /// Size of the body, bytes.
    pub size: usize,
}

/// All that is known of a dead letter.
#[derive(Debug, Serialize)]
pub struct Detail<'a> {
    /// What a list says.
    #[serde(flatten)]
    pub summary: Summary<'a>,
    /// Earlier failures, oldest first.
    pub history: Vec<HistoryEntry>,
    /// Message properties that are set.
    pub properties: BTreeMap<&'static str, Value>,
    /// Message headers.
    pub headers: BTreeMap<&'a str, Value>,
    /// The body, where it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Box<RawValue>>,
    /// The body, where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
    /// Something in the body is masked, or all of it.
    pub redacted: bool,
}

impl DeadLetter {
    /// What a list says of it.
    pub fn summary(&self, applied: Option<bool>) -> Summary<'_> {
        Summary {
            id: &self.id,
            group: self.group(),
            dlq: &self.dlq,
            queue: self.origin.as_deref(),
            kind: self.kind.as_deref(),
            key: self.key.as_deref(),
            reason: &self.reason,
            error: &self.error,
            attempt: self.attempt,
            first_failed_at: self.first_failed_at.map(|at| at.to_string()),
            dead_lettered_at: self.dead_lettered_at.map(|at| at.to_string()),
            by_broker: self.by_broker,
            replayed_by: self.replayed_by.as_deref(),
            applied,
            size: self.size,
        }
    }

    /// All that is known of it. What the JSON pointers of `redact` lead to is masked; a body
    /// that is no JSON is masked as a whole where there are any.
    pub fn detail(&self, applied: Option<bool>, redact: &[String]) -> Detail<'_> {
        let (body, body_base64, redacted) = self.body(redact);
        let headers = self.message.properties.headers.iter();
        Detail {
            summary: self.summary(applied),
            history: self.history(),
            properties: properties(&self.message.properties),
            headers: headers
                .map(|(name, value)| (name.as_str(), header(value)))
                .collect(),
            body,
            body_base64,
            redacted,
        }
    }

    fn body(&self, redact: &[String]) -> (Option<Box<RawValue>>, Option<String>, bool) {
        let bytes = &self.message.body;
        let Ok(exact) = serde_json::from_slice::<Box<RawValue>>(bytes) else {
            return match redact.is_empty() {
                true => (None, Some(STANDARD.encode(bytes)), false),
                false => (None, None, true),
            };
        };
        let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else {
            return (Some(exact), None, false);
        };
        let mut masked = false;
        for pointer in redact {
            if let Some(place) = value.pointer_mut(pointer) {
                *place = Value::from(MASK);
                masked = true;
            }
        }
        match serde_json::value::to_raw_value(&value) {
            Ok(value) if masked => (Some(value), None, true),
            _ => (Some(exact), None, false),
        }
    }
}

fn properties(from: &Properties) -> BTreeMap<&'static str, Value> {
    let texts = [
        ("message_id", &from.message_id),
        ("type", &from.kind),
        ("content_type", &from.content_type),
        ("content_encoding", &from.content_encoding),
        ("app_id", &from.app_id),
        ("correlation_id", &from.correlation_id),
        ("reply_to", &from.reply_to),
        ("expiration", &from.expiration),
        ("user_id", &from.user_id),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(name, value)| Some((name, json!(value.as_ref()?))));
    let numbers = [
        ("timestamp", from.timestamp.map(Value::from)),
        ("priority", from.priority.map(Value::from)),
        (
            "delivery_mode",
            Some(json!(if from.persistent { 2 } else { 1 })),
        ),
    ];
    let numbers = numbers
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    texts.chain(numbers).collect()
}

/// A header for people and programs that only look; types that JSON lacks become texts.
fn header(value: &HeaderValue) -> Value {
    match value {
        HeaderValue::Void => Value::Null,
        HeaderValue::Bool(flag) => json!(flag),
        HeaderValue::Int(number) => json!(number),
        HeaderValue::Double(number) => json!(number),
        HeaderValue::Text(text) => json!(text),
        HeaderValue::Bytes(bytes) => json!(STANDARD.encode(bytes)),
        HeaderValue::Timestamp(seconds) => json!(seconds),
        HeaderValue::List(items) => items.iter().map(header).collect(),
        HeaderValue::Table(table) => {
            let entries = table
                .iter()
                .map(|(name, value)| (name.clone(), header(value)));
            Value::Object(entries.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Message;
    use crate::codec::Codec;
    use crate::config::Config;

    fn letter(body: &'static [u8]) -> DeadLetter {
        let config = Config::default();
        let message = Message {
            body: bytes::Bytes::from_static(body),
            ..Message::default()
        };
        DeadLetter::read("events.dlq", message, &Codec::from_config(&config), &config)
    }

    fn shown(body: &'static [u8], redact: &[&str]) -> String {
        let redact: Vec<_> = redact.iter().map(|text| (*text).to_owned()).collect();
        serde_json::to_string(&letter(body).detail(None, &redact)).unwrap()
    }

    #[test]
    fn json_is_shown_as_it_is_and_other_bytes_in_base64() {
        let text = shown(br#"{"z": 1.50, "a": 12345678901234567890123}"#, &[]);
        assert!(
            text.contains(r#""body":{"z": 1.50, "a": 12345678901234567890123}"#),
            "{text}"
        );
        let text = shown(b"\xff\x00", &[]);
        assert!(text.contains(r#""body_base64":"/wA=""#), "{text}");
    }

    #[test]
    fn what_a_pointer_leads_to_is_masked_and_nothing_else() {
        let body = br#"{"payload":{"email":"a@example.com","n":1}}"#;
        let text = shown(body, &["/payload/email", "/missing"]);
        assert!(
            !text.contains("example.com") && text.contains(r#""n":1"#),
            "{text}"
        );
        assert!(text.contains(r#""redacted":true"#));
        assert!(shown(body, &["/missing"]).contains("example.com"));
    }

    #[test]
    fn with_rules_a_body_that_cannot_be_read_is_masked_as_a_whole() {
        let text = shown(b"{\"email\":\"a@example.com\"", &["/email"]);
        assert!(
            !text.contains("body\"") && text.contains(r#""redacted":true"#),
            "{text}"
        );
    }
}
