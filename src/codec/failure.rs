//! Why a message is no event; each code has its page in `docs/errors/`.

use fanout_contract::{EventId, Failure, ReasonCode};
use std::sync::Arc;

/// The reason codes of undecodable messages. All of them are permanent.
pub mod codes {
    use fanout_contract::ReasonCode;

    /// The body is empty, truncated, or otherwise no JSON text.
    pub const BODY_NOT_JSON: ReasonCode = ReasonCode::new("body-not-json");
    /// The body is JSON, but no object: an array, a number, `null`.
    pub const BODY_NOT_OBJECT: ReasonCode = ReasonCode::new("body-not-object");
    /// The body is not UTF-8.
    pub const BODY_NOT_UTF8: ReasonCode = ReasonCode::new("body-not-utf8");
    /// Arrays and objects are nested deeper than JSON readers follow.
    pub const BODY_TOO_DEEP: ReasonCode = ReasonCode::new("body-too-deep");
    /// The id is neither text nor an integer.
    pub const ID_INVALID: ReasonCode = ReasonCode::new("id-invalid");
    /// The kind is no text, or longer than 255 bytes.
    pub const KIND_INVALID: ReasonCode = ReasonCode::new("kind-invalid");
    /// Nothing identifies the event, and the configuration says reject.
    pub const MISSING_ID: ReasonCode = ReasonCode::new("missing-id");
    /// Neither body, properties nor routing key say what happened.
    pub const MISSING_KIND: ReasonCode = ReasonCode::new("missing-kind");
    /// A v1 envelope without `payload`.
    pub const MISSING_PAYLOAD: ReasonCode = ReasonCode::new("missing-payload");
    /// The time of the event cannot be read.
    pub const TIMESTAMP_INVALID: ReasonCode = ReasonCode::new("timestamp-invalid");
    /// A version of the envelope, or of CloudEvents, that nobody here understands.
    pub const UNKNOWN_VERSION: ReasonCode = ReasonCode::new("unknown-version");
    /// The body is compressed or encoded in a way that is not read here.
    pub const UNSUPPORTED_ENCODING: ReasonCode = ReasonCode::new("unsupported-encoding");

    /// All of them.
    pub const ALL: [ReasonCode; 12] = [
        BODY_NOT_JSON,
        BODY_NOT_OBJECT,
        BODY_NOT_UTF8,
        BODY_TOO_DEEP,
        ID_INVALID,
        KIND_INVALID,
        MISSING_ID,
        MISSING_KIND,
        MISSING_PAYLOAD,
        TIMESTAMP_INVALID,
        UNKNOWN_VERSION,
        UNSUPPORTED_ENCODING,
    ];
}

/// A message that is no event, with what is known of it for the dead letter.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{failure}")]
pub struct Undecodable {
    /// Permanent, with a code of [`codes`].
    #[source]
    pub failure: Failure,
    /// The id, where body or properties say one.
    pub id: Option<EventId>,
    /// The kind, where body, properties or routing key say one.
    pub kind: Option<Arc<str>>,
}

pub(super) fn permanent(code: ReasonCode, message: impl Into<String>) -> Failure {
    Failure::permanent(code, message)
}
