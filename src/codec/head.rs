//! What a message says about its event, whatever its form.

use bytes::Bytes;
use fanout_contract::Failure;
use jiff::Timestamp;
use serde_json::value::RawValue;
use std::borrow::Cow;

use super::body::Body;
use super::failure::{codes, permanent};
use super::value::Scalar;
use super::{Codec, Form, cloud_events, time};
use crate::broker::Message;

/// The one envelope version understood here.
pub(super) const ENVELOPE_VERSION: &str = "v1";

/// What was found so far; filled in order of what a dead letter needs most.
#[derive(Debug, Default)]
pub(super) struct Head<'m> {
    pub(super) kind: Option<Cow<'m, str>>,
    /// Id of a CloudEvent: source and id.
    pub(super) cloud_id: Option<String>,
    /// Candidates for the id: position in the codec's list, value.
    pub(super) ids: Vec<(usize, &'m RawValue)>,
    pub(super) source: Option<Cow<'m, str>>,
    pub(super) occurred_at: Option<Timestamp>,
    pub(super) subject: Option<Cow<'m, str>>,
    pub(super) subject_version: Option<u64>,
    pub(super) schema_version: Option<&'static str>,
    pub(super) trace_parent: Option<Cow<'m, str>>,
    pub(super) payload: Option<Bytes>,
}

impl Codec {
    /// Fills the head from the message; on failure it holds what is known all the same.
    pub(super) fn read<'m>(
        &self,
        message: &'m Message,
        head: &mut Head<'m>,
    ) -> Result<Form, Failure> {
        let encoding = message
            .properties
            .content_encoding
            .as_deref()
            .unwrap_or_default();
        let plain = ["", "identity", "utf-8", "utf8", "8bit"];
        if !plain.iter().any(|name| encoding.eq_ignore_ascii_case(name)) {
            // Foreign text, so it is cut: the message goes into a header.
            let named: String = encoding.chars().take(32).collect();
            let message = format!("content encoding `{named}` is not read here");
            return Err(permanent(codes::UNSUPPORTED_ENCODING, message));
        }
        if cloud_events::is_binary(message) {
            cloud_events::read_binary(message, head)?;
            return Ok(Form::CloudEventBinary);
        }
        let text = text(&message.body)?;
        let mut body = Body::parse(text, &self.id_fields)?;
        let form = form(&body);
        head.ids = std::mem::take(&mut body.ids);
        if form == Form::CloudEventStructured {
            cloud_events::read_structured(message, &body, head)?;
            return Ok(form);
        }
        ours(&body, head)?;
        head.payload = Some(match form {
            Form::Envelope => envelope(message, &body, head)?,
            _ => {
                bare(&body, head);
                message.body.slice_ref(text.trim_ascii().as_bytes())
            }
        });
        let at = [body.timestamp, body.event_time]
            .into_iter()
            .flatten()
            .next();
        head.occurred_at = time::from_body(Scalar::of(at))?;
        Ok(form)
    }
}

/// The body as text, without a byte order mark.
pub(super) fn text(body: &Bytes) -> Result<&str, Failure> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let message = format!("the body is not utf-8 from byte {} on", error.valid_up_to());
        permanent(codes::BODY_NOT_UTF8, message).with_source(error)
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// An envelope is what has a `payload` and calls itself one, by its version or by the
/// camel-case names; or what claims a version (`v2`) beside these names.
fn form(body: &Body<'_>) -> Form {
    if body.spec_version.is_some() {
        return Form::CloudEventStructured;
    }
    let named = body.event_id || body.event_type_camel.is_some();
    let versioned = body
        .version
        .is_some_and(|raw| is_version(&Scalar::of(Some(raw))));
    match body.payload {
        Some(_) if named || versioned => Form::Envelope,
        None if named && versioned => Form::Envelope,
        _ => Form::Bare,
    }
}

/// `v1`, `V2`: a version of the envelope, not one of some software.
fn is_version(value: &Scalar<'_>) -> bool {
    matches!(value, Scalar::Text(text) if text
        .strip_prefix(['v', 'V'])
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())))
}

/// What envelope and bare event have in common.
fn ours<'m>(body: &Body<'m>, head: &mut Head<'m>) -> Result<(), Failure> {
    let kind = body
        .event_type_camel
        .or(body.event_type_snake)
        .or(body.kind);
    head.source = Scalar::of(body.source).text();
    head.subject = Scalar::of(body.subject).name();
    head.subject_version = Scalar::of(body.subject_version).unsigned();
    head.trace_parent = Scalar::of(body.trace_parent).text();
    head.kind = match Scalar::of(kind) {
        Scalar::Absent => None,
        Scalar::Text(text) => Some(text),
        Scalar::Number(_) | Scalar::Other => {
            return Err(permanent(
                codes::KIND_INVALID,
                "the event's kind is no text",
            ));
        }
    };
    Ok(())
}

fn envelope<'m>(message: &Message, body: &Body<'m>, head: &mut Head<'m>) -> Result<Bytes, Failure> {
    match Scalar::of(body.version) {
        Scalar::Absent | Scalar::Number("1") => {}
        Scalar::Text(text) if ["v1", "V1", "1", "1.0"].contains(&&*text) => {}
        _ => {
            let message = "this version of the envelope is not understood here";
            return Err(permanent(codes::UNKNOWN_VERSION, message));
        }
    }
    head.schema_version = Some(ENVELOPE_VERSION);
    let payload = body.payload.ok_or_else(|| {
        permanent(
            codes::MISSING_PAYLOAD,
            "the envelope has no field `payload`",
        )
    })?;
    Ok(message.body.slice_ref(payload.get().as_bytes()))
}

/// An integer `version` of a bare event is its subject's.
fn bare(body: &Body<'_>, head: &mut Head<'_>) {
    if head.subject_version.is_none()
        && let version @ Scalar::Number(_) = Scalar::of(body.version)
    {
        head.subject_version = version.unsigned();
    }
}
