//! What the headers of a request say about its events.

use axum::http::{HeaderMap, HeaderValue as Value, StatusCode, header};
use percent_encoding::percent_decode;
use uuid::Uuid;

use crate::broker::{HeaderValue, Headers};
use crate::operate::HttpProblem;
use crate::topology::names::headers as names;

/// Namespace of the ids made from an idempotency key: `UUIDv5(NAMESPACE, "{key}:{index}")`.
/// Never changes: a retry over an update would get other ids.
pub(super) const KEY_NAMESPACE: Uuid = Uuid::from_u128(0x8c1f_3b52_6e0d_4f7a_9d3c_2a51_b7e4_6f08);
/// Longest idempotency key, bytes; a UUID has 36.
const LONGEST_KEY: usize = 255;
/// Attributes of CloudEvents in HTTP, and as the AMQP binding writes them.
const CLOUD_PREFIX: &str = "ce-";
const AMQP_PREFIX: &str = "cloudEvents:";

/// Form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One event or an array of them.
    Json,
    /// An event a line.
    Lines,
    /// One event whose attributes are in the headers.
    Binary,
    /// An array of CloudEvents.
    Batch,
}

/// What holds for all events of a request.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) form: Form,
    key: Option<String>,
    pub(super) headers: Headers,
    /// Media type of the data of a binary CloudEvent.
    pub(super) content_type: Option<String>,
}

impl Terms {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, HttpProblem> {
        plain(headers)?;
        let content_type = text(headers, header::CONTENT_TYPE.as_str())?;
        let binary = headers.contains_key("ce-specversion");
        let form = form(content_type, binary)?;
        let mut carried = Headers::new();
        if form == Form::Binary {
            carried = attributes(headers)?;
        }
        if let Some(parent) = text(headers, names::TRACEPARENT)?.filter(|text| is_trace(text)) {
            carried.insert(names::TRACEPARENT.to_owned(), parent.into());
        }
        Ok(Self {
            form,
            key: key(headers)?,
            headers: carried,
            content_type: content_type
                .filter(|_| form == Form::Binary)
                .map(str::to_owned),
        })
    }

    /// The id of an event that brings none: the same for a repeated request with a key, else
    /// a new one.
    pub(super) fn id(&self, index: usize) -> Uuid {
        match &self.key {
            Some(key) => Uuid::new_v5(&KEY_NAMESPACE, format!("{key}:{index}").as_bytes()),
            None => Uuid::now_v7(),
        }
    }
}

/// Refuses a body that is compressed: its size would say nothing about what it holds.
fn plain(headers: &HeaderMap) -> Result<(), HttpProblem> {
    match text(headers, header::CONTENT_ENCODING.as_str())? {
        None | Some("" | "identity") => Ok(()),
        Some(_) => Err(HttpProblem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the body without a content encoding",
        )),
    }
}

fn form(content_type: Option<&str>, binary: bool) -> Result<Form, HttpProblem> {
    let mut parts = content_type.unwrap_or_default().split(';');
    let media = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let form = match media.as_str() {
        "application/cloudevents+json" => Form::Json,
        "application/cloudevents-batch+json" => Form::Batch,
        _ if binary => return Ok(Form::Binary),
        "" | "application/json" | "text/json" => Form::Json,
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonlines"
        | "application/json-lines" => Form::Lines,
        // What clients send where nobody told them a type.
        "text/plain" | "application/octet-stream" | "application/x-www-form-urlencoded" => {
            Form::Json
        }
        _ => {
            return Err(unsupported(
                "send application/json, application/x-ndjson, application/cloudevents+json or application/cloudevents-batch+json",
            ));
        }
    };
    let foreign = parts
        .filter_map(|part| part.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .any(|(_, set)| !is_utf8(set.trim().trim_matches('"')));
    match foreign {
        true => Err(unsupported("send the events as UTF-8")),
        false => Ok(form),
    }
}

fn is_utf8(charset: &str) -> bool {
    ["utf-8", "utf8", "us-ascii"]
        .iter()
        .any(|name| charset.eq_ignore_ascii_case(name))
}

fn unsupported(detail: &str) -> HttpProblem {
    HttpProblem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}

/// The idempotency key, also quoted as a structured field.
fn key(headers: &HeaderMap) -> Result<Option<String>, HttpProblem> {
    let Some(given) = text(headers, "idempotency-key")? else {
        return Ok(None);
    };
    let quoted = given
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(given);
    if key.is_empty() || key.len() > LONGEST_KEY {
        let detail = format!("the Idempotency-Key has 1 to {LONGEST_KEY} characters");
        return Err(HttpProblem::new(StatusCode::BAD_REQUEST, detail));
    }
    Ok(Some(key.to_owned()))
}

/// `ce-type` → `cloudEvents:type`; values are percent-encoded in HTTP.
fn attributes(headers: &HeaderMap) -> Result<Headers, HttpProblem> {
    let mut found = Headers::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix(CLOUD_PREFIX) else {
            continue;
        };
        let text = percent_decode(value.as_bytes()).decode_utf8();
        let text = text.map_err(|_| not_text(name.as_str()))?;
        let text = HeaderValue::Text(text.into_owned());
        found.insert(format!("{AMQP_PREFIX}{attribute}"), text);
    }
    Ok(found)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, HttpProblem> {
    let value = headers.get(name).map(Value::to_str).transpose();
    value
        .map(|text| text.map(str::trim))
        .map_err(|_| not_text(name))
}

fn not_text(name: &str) -> HttpProblem {
    let detail = format!("the header {name} is no plain text");
    HttpProblem::new(StatusCode::BAD_REQUEST, detail)
}

/// W3C trace context: version, trace, parent, flags. Anything else is no context to carry on.
fn is_trace(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([2, 32, 16, 2]) && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &'static str)]) -> Result<Terms, u16> {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = axum::http::HeaderName::from_static(name);
            (name, Value::from_static(value))
        });
        Terms::read(&pairs.collect()).map_err(|problem| problem.status().as_u16())
    }

    fn form_of(content_type: &'static str) -> Result<Form, u16> {
        read(&[("content-type", content_type)]).map(|terms| terms.form)
    }

    #[test]
    fn the_media_type_says_the_form() {
        assert_eq!(read(&[]).unwrap().form, Form::Json);
        assert_eq!(form_of("application/json; charset=UTF-8"), Ok(Form::Json));
        assert_eq!(form_of("Application/X-NDJSON"), Ok(Form::Lines));
        assert_eq!(form_of("application/cloudevents+json"), Ok(Form::Json));
        assert_eq!(
            form_of("application/cloudevents-batch+json"),
            Ok(Form::Batch)
        );
        assert_eq!(form_of("application/xml"), Err(415));
        assert_eq!(
            form_of("application/json; charset=\"iso-8859-1\""),
            Err(415)
        );
        assert_eq!(
            read(&[("content-encoding", "gzip")]).map(|t| t.form),
            Err(415)
        );
    }

    #[test]
    fn attributes_of_a_binary_cloudevent_are_decoded_and_renamed() {
        let terms = read(&[
            ("ce-specversion", "1.0"),
            ("ce-subject", "caf%C3%A9%20%22x%22"),
            ("content-type", "image/png"),
        ]);
        let terms = terms.unwrap();
        assert_eq!(terms.form, Form::Binary);
        assert_eq!(terms.content_type.as_deref(), Some("image/png"));
        let subject = terms.headers["cloudEvents:subject"].as_str();
        assert_eq!(subject, Some("café \"x\""));
        assert_eq!(
            read(&[("ce-specversion", "1.0"), ("ce-id", "%FF")]).map(|t| t.form),
            Err(400)
        );
    }

    #[test]
    fn a_key_gives_the_same_ids_for_ever_quoted_or_not() {
        let ids = |key| read(&[("idempotency-key", key)]).unwrap().id(1).to_string();
        // Fixed on purpose: a change of this value gives retries other ids.
        assert_eq!(ids("order-1"), "aa26ff56-97c6-5a12-8dca-9ff36ebaed29");
        assert_eq!(ids("\"order-1\""), ids("order-1"));
        assert_ne!(ids("order-1"), ids("order-2"));
        let terms = read(&[("idempotency-key", "k")]).unwrap();
        assert_ne!(terms.id(0), terms.id(1));
        assert_eq!(
            read(&[("idempotency-key", "\"\"")]).map(|t| t.form),
            Err(400)
        );
    }

    #[test]
    fn without_a_key_every_event_is_a_new_one() {
        let terms = read(&[]).unwrap();
        assert_ne!(terms.id(0), terms.id(0));
    }

    #[test]
    fn only_a_trace_context_is_carried_on() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let carried = |value| read(&[("traceparent", value)]).unwrap().headers.len();
        assert_eq!((carried(parent), carried("00-x-y-01")), (1, 0));
    }
}
