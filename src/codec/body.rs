//! One pass over the top-level keys of a JSON object, everything borrowed.

use fanout_contract::Failure;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use std::fmt;

use super::failure::{codes, permanent};

/// Nesting followed by serde_json and most other readers.
const MAX_DEPTH: u32 = 128;

/// The values of the keys that mean something here. Of a key that is there twice the last
/// one counts, as with most JSON readers.
#[derive(Debug, Default)]
pub(super) struct Body<'a> {
    pub(super) spec_version: Option<&'a RawValue>,
    pub(super) version: Option<&'a RawValue>,
    pub(super) event_id: bool,
    pub(super) event_type_camel: Option<&'a RawValue>,
    pub(super) event_type_snake: Option<&'a RawValue>,
    pub(super) kind: Option<&'a RawValue>,
    pub(super) timestamp: Option<&'a RawValue>,
    pub(super) event_time: Option<&'a RawValue>,
    pub(super) time: Option<&'a RawValue>,
    pub(super) payload: Option<&'a RawValue>,
    pub(super) data: Option<&'a RawValue>,
    pub(super) data_base64: Option<&'a RawValue>,
    pub(super) id: Option<&'a RawValue>,
    pub(super) source: Option<&'a RawValue>,
    pub(super) subject: Option<&'a RawValue>,
    pub(super) subject_version: Option<&'a RawValue>,
    pub(super) trace_parent: Option<&'a RawValue>,
    /// Candidates for the id: position in the codec's list, value.
    pub(super) ids: Vec<(usize, &'a RawValue)>,
}

impl<'a> Body<'a> {
    /// Reads `text`; `id_fields` are the keys whose values are kept as candidates.
    pub(super) fn parse(text: &'a str, id_fields: &[String]) -> Result<Self, Failure> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let body = deserializer
            .deserialize_map(Keys { id_fields })
            .and_then(|body| deserializer.end().map(|()| body))
            .map_err(|error| refused(text, error))?;
        shallow(text)?;
        Ok(body)
    }

    fn put(&mut self, key: Key, value: &'a RawValue) {
        if let Some(candidate) = key.candidate {
            self.ids.push((candidate, value));
        }
        let place = match key.field {
            Field::SpecVersion => &mut self.spec_version,
            Field::Version => &mut self.version,
            Field::EventId => {
                self.event_id = true;
                return;
            }
            Field::EventTypeCamel => &mut self.event_type_camel,
            Field::EventTypeSnake => &mut self.event_type_snake,
            Field::Kind => &mut self.kind,
            Field::Timestamp => &mut self.timestamp,
            Field::EventTime => &mut self.event_time,
            Field::Time => &mut self.time,
            Field::Payload => &mut self.payload,
            Field::Data => &mut self.data,
            Field::DataBase64 => &mut self.data_base64,
            Field::Id => &mut self.id,
            Field::Source => &mut self.source,
            Field::Subject => &mut self.subject,
            Field::SubjectVersion => &mut self.subject_version,
            Field::TraceParent => &mut self.trace_parent,
            Field::None => return,
        };
        *place = Some(value);
    }
}

/// Arrays are told apart from broken text: they are JSON, but no event.
fn refused(text: &str, error: serde_json::Error) -> Failure {
    if error.classify() == Category::Data {
        let what = match text.trim_start().as_bytes().first() {
            Some(b'[') => "the body is a json array, not an object",
            _ => "the body is a json scalar, not an object",
        };
        return permanent(codes::BODY_NOT_OBJECT, what);
    }
    let what = if text.trim_ascii().is_empty() {
        "the body is empty"
    } else {
        "the body is no json"
    };
    let at = format!("{what} (line {}, column {})", error.line(), error.column());
    permanent(codes::BODY_NOT_JSON, at).with_source(error)
}

/// Refuses a JSON text that others could not read for its depth.
pub(super) fn shallow(text: &str) -> Result<(), Failure> {
    // A text of n bytes is nested n / 2 levels at most: most events need no count.
    if text.len() < 2 * MAX_DEPTH as usize || depth(text) <= MAX_DEPTH {
        return Ok(());
    }
    let message = format!("the body is nested deeper than {MAX_DEPTH} levels");
    Err(permanent(codes::BODY_TOO_DEEP, message))
}

/// Deepest nesting of a text that is JSON.
fn depth(text: &str) -> u32 {
    let (mut now, mut deepest, mut quoted, mut escaped) = (0_u32, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                now = now.saturating_add(1);
                deepest = deepest.max(now);
            }
            b']' | b'}' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[derive(Clone, Copy)]
enum Field {
    SpecVersion,
    Version,
    EventId,
    EventTypeCamel,
    EventTypeSnake,
    Kind,
    Timestamp,
    EventTime,
    Time,
    Payload,
    Data,
    DataBase64,
    Id,
    Source,
    Subject,
    SubjectVersion,
    TraceParent,
    None,
}

impl Field {
    fn of(key: &str) -> Self {
        match key {
            "specversion" => Self::SpecVersion,
            "version" => Self::Version,
            "eventId" => Self::EventId,
            "eventType" => Self::EventTypeCamel,
            "event_type" => Self::EventTypeSnake,
            "type" => Self::Kind,
            "timestamp" => Self::Timestamp,
            "event_time" => Self::EventTime,
            "time" => Self::Time,
            "payload" => Self::Payload,
            "data" => Self::Data,
            "data_base64" => Self::DataBase64,
            "id" => Self::Id,
            "source" => Self::Source,
            "subject" | "aggregateId" | "aggregate_id" => Self::Subject,
            "subjectVersion" | "subject_version" | "subjectversion" | "aggregateVersion"
            | "aggregate_version" => Self::SubjectVersion,
            "traceparent" => Self::TraceParent,
            _ => Self::None,
        }
    }
}

struct Key {
    field: Field,
    candidate: Option<usize>,
}

struct Keys<'c> {
    id_fields: &'c [String],
}

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = Body<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a json object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Body<'de>, M::Error> {
        let mut body = Body::default();
        while let Some(key) = map.next_key_seed(OneKey(self.id_fields))? {
            if matches!(
                key,
                Key {
                    field: Field::None,
                    candidate: None
                }
            ) {
                map.next_value::<IgnoredAny>()?;
            } else {
                body.put(key, map.next_value()?);
            }
        }
        Ok(body)
    }
}

struct OneKey<'c>(&'c [String]);

impl<'de> DeserializeSeed<'de> for OneKey<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for OneKey<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Key, E> {
        let candidate = self.0.iter().position(|field| field == key);
        Ok(Key {
            field: Field::of(key),
            candidate,
        })
    }
}
