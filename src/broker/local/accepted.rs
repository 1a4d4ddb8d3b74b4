//! What the broker takes from a client at all, whatever its queues say.

use crate::broker::{HeaderValue, Headers, Message, PublishError};

/// Largest body taken: RabbitMQ 4's own default.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Properties travel in one frame; 128 KiB is the `frame_max` RabbitMQ negotiates.
const MAX_HEADER_BYTES: usize = 128 * 1024;

/// The user every client is; RabbitMQ closes the channel on any other `user_id`.
const USER: &str = "guest";

pub(super) fn check(message: &Message) -> Result<(), PublishError> {
    let bytes = message.body.len();
    if bytes > MAX_BODY_BYTES {
        return Err(PublishError::TooLarge { bytes });
    }
    let bytes = table_bytes(&message.properties.headers);
    if bytes > MAX_HEADER_BYTES {
        let limit = MAX_HEADER_BYTES;
        return Err(PublishError::HeadersTooLarge { bytes, limit });
    }
    let properties = &message.properties;
    if properties.user_id.as_deref().is_some_and(|u| u != USER) {
        return Err(PublishError::Invalid("user_id of another user".to_owned()));
    }
    let expiration = properties.expiration.as_deref();
    if expiration.is_some_and(|ms| ms.parse::<u32>().is_err()) {
        return Err(PublishError::Invalid("expiration is no number".to_owned()));
    }
    Ok(())
}

/// Size on the wire: a length byte before each name, a type byte before each value.
fn table_bytes(headers: &Headers) -> usize {
    let row = |(name, value): (&String, &HeaderValue)| 1 + name.len() + value_bytes(value);
    4 + headers.iter().map(row).sum::<usize>()
}

fn value_bytes(value: &HeaderValue) -> usize {
    1 + match value {
        HeaderValue::Void => 0,
        HeaderValue::Bool(_) => 1,
        HeaderValue::Int(_) | HeaderValue::Double(_) | HeaderValue::Timestamp(_) => 8,
        HeaderValue::Text(text) => 4 + text.len(),
        HeaderValue::Bytes(bytes) => 4 + bytes.len(),
        HeaderValue::List(values) => 4 + values.iter().map(value_bytes).sum::<usize>(),
        HeaderValue::Table(headers) => table_bytes(headers),
    }
}
