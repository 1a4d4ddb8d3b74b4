//! CloudEvents 1.0: structured (attributes in the body) and binary (in the headers).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fanout_contract::Failure;
use std::borrow::Cow;

use super::body::{Body, shallow};
use super::failure::{codes, permanent};
use super::head::{Head, text};
use super::time;
use super::value::Scalar;
use crate::broker::{HeaderValue, Message};

/// Spellings of the header prefix: the AMQP binding's two, and that of HTTP, which bridges
/// leave as it is.
const PREFIXES: [&str; 3] = ["cloudEvents:", "cloudEvents_", "ce-"];
const SPEC_VERSION: &str = "1.0";

fn attribute<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    PREFIXES.iter().find_map(|prefix| {
        let value = message.properties.headers.get(&format!("{prefix}{name}"));
        value
            .and_then(HeaderValue::as_str)
            .filter(|text| !text.is_empty())
    })
}

/// Whether the headers carry CloudEvents attributes.
pub(super) fn is_binary(message: &Message) -> bool {
    !message.properties.headers.is_empty() && attribute(message, "specversion").is_some()
}

/// Attributes from the headers; the body is the data.
pub(super) fn read_binary<'m>(message: &'m Message, head: &mut Head<'m>) -> Result<(), Failure> {
    head.kind = attribute(message, "type").map(Cow::Borrowed);
    head.source = attribute(message, "source").map(Cow::Borrowed);
    head.subject = attribute(message, "subject").map(Cow::Borrowed);
    head.trace_parent = attribute(message, "traceparent").map(Cow::Borrowed);
    head.subject_version = attribute(message, "subjectversion").and_then(|text| text.parse().ok());
    head.cloud_id = identity(head.source.as_deref(), attribute(message, "id"));
    understood(attribute(message, "specversion"))?;
    head.schema_version = Some(SPEC_VERSION);
    head.occurred_at = time::from_attribute(attribute(message, "time"))?;
    if is_json(message.properties.content_type.as_deref()) {
        let text = text(&message.body)?;
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| {
            permanent(
                codes::BODY_NOT_JSON,
                "the data of the cloudevent is no json",
            )
            .with_source(error)
        })?;
        shallow(text)?;
    }
    head.payload = Some(message.body.clone());
    Ok(())
}

/// Attributes and data from the body.
pub(super) fn read_structured<'m>(
    message: &Message,
    body: &Body<'m>,
    head: &mut Head<'m>,
) -> Result<(), Failure> {
    head.kind = Scalar::of(body.kind).text();
    head.source = Scalar::of(body.source).text();
    head.subject = Scalar::of(body.subject).text();
    head.trace_parent = Scalar::of(body.trace_parent).text();
    head.subject_version = Scalar::of(body.subject_version).unsigned();
    head.cloud_id = identity(
        head.source.as_deref(),
        Scalar::of(body.id).text().as_deref(),
    );
    understood(Scalar::of(body.spec_version).text().as_deref())?;
    head.schema_version = Some(SPEC_VERSION);
    head.occurred_at = time::from_body(Scalar::of(body.time))?;
    head.payload = Some(match (body.data, Scalar::of(body.data_base64)) {
        (Some(data), _) => message.body.slice_ref(data.get().as_bytes()),
        (None, Scalar::Text(encoded)) => Bytes::from(decoded(&encoded)?),
        (None, _) => Bytes::from_static(b"null"),
    });
    Ok(())
}

/// The id of a CloudEvent is source and id together. A blank keeps them apart: neither a
/// source (a URI reference) nor a sensible id holds one.
fn identity(source: Option<&str>, id: Option<&str>) -> Option<String> {
    Some(format!("{} {}", source?, id?))
}

fn understood(version: Option<&str>) -> Result<(), Failure> {
    if version == Some(SPEC_VERSION) {
        return Ok(());
    }
    let message = "this version of cloudevents is not understood here";
    Err(permanent(codes::UNKNOWN_VERSION, message))
}

fn decoded(encoded: &str) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(encoded).map_err(|error| {
        permanent(codes::UNSUPPORTED_ENCODING, "`data_base64` is no base64").with_source(error)
    })
}

/// Without a type the data is JSON by our convention.
fn is_json(content_type: Option<&str>) -> bool {
    let Some(content_type) = content_type else {
        return true;
    };
    let mime = content_type.split(';').next().unwrap_or_default().trim();
    mime.is_empty() || mime.ends_with("/json") || mime.ends_with("+json")
}

#[cfg(test)]
#[path = "cloud_events_tests.rs"]
mod cloud_events_tests;
