//! Events → v1 envelope.

use bytes::Bytes;
use fanout_contract::{Event, FollowUp};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::head::ENVELOPE_VERSION;

/// What goes into a v1 envelope.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The id, at most 255 bytes.
    pub id: &'a str,
    /// What happened.
    pub kind: &'a str,
    /// When.
    pub occurred_at: Option<Timestamp>,
    /// The publishing service.
    pub source: Option<&'a str>,
    /// What it is about.
    pub subject: Option<&'a str>,
    /// The subject's version after it.
    pub subject_version: Option<u64>,
    /// The payload, taken as it is.
    pub payload: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a, P: Serialize> {
    event_id: &'a str,
    version: &'static str,
    event_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc_3339")]
    timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_version: Option<u64>,
    payload: P,
}

/// The envelope as the bytes of a message body.
pub fn encode(envelope: &Envelope<'_>) -> Bytes {
    bytes(&Wire {
        event_id: envelope.id,
        version: ENVELOPE_VERSION,
        event_type: envelope.kind,
        timestamp: envelope.occurred_at,
        source: envelope.source,
        subject: envelope.subject,
        subject_version: envelope.subject_version,
        payload: envelope.payload,
    })
}

/// The body of follow-up number `index` of `source`. The same source gives the same bytes
/// (law L10): id and time are the source's, not the clock's.
pub fn encode_follow_up(source: &Event, index: usize, follow_up: &FollowUp) -> Bytes {
    bytes(&Wire {
        event_id: FollowUp::id(source, index).as_str(),
        version: ENVELOPE_VERSION,
        event_type: follow_up.kind(),
        timestamp: source.occurred_at(),
        source: None,
        subject: None,
        subject_version: None,
        payload: follow_up.payload(),
    })
}

fn rfc_3339<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}

/// Strings, numbers and JSON values always serialise; a map with other keys than strings,
/// which does not, cannot stand in a [`Wire`].
fn bytes<P: Serialize>(wire: &Wire<'_, P>) -> Bytes {
    serde_json::to_vec(wire)
        .map(Bytes::from)
        .unwrap_or_default()
}
