//! What AMQP 0.9.1 and RabbitMQ take from a publisher at all, whatever their queues say.
//!
//! Sent anyway, such a message closes the channel or the connection, and the confirms of its
//! neighbours are lost. Both brokers refuse it before, and the publisher before it is spooled.

use super::{HeaderValue, Headers, Message, Properties, PublishError};

/// Longest short string of the protocol, bytes.
const SHORT_STRING: usize = 255;

/// What a connection allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits<'a> {
    /// The user logged in: the broker takes no other `user_id`.
    pub(crate) user: &'a str,
    /// Largest body, bytes.
    pub(crate) body: usize,
    /// Largest content header, bytes on the wire: it cannot be split over frames.
    pub(crate) headers: usize,
}

/// Refuses what can never be published on such a connection.
pub(crate) fn check(message: &Message, limits: Limits<'_>) -> Result<(), PublishError> {
    let bytes = message.body.len();
    if bytes > limits.body {
        return Err(PublishError::TooLarge { bytes });
    }
    let properties = &message.properties;
    check_names(message).map_err(PublishError::Invalid)?;
    check_values(properties, limits.user).map_err(PublishError::Invalid)?;
    let bytes = header_bytes(properties);
    if bytes > limits.headers {
        let limit = limits.headers;
        return Err(PublishError::HeadersTooLarge { bytes, limit });
    }
    Ok(())
}

fn check_names(message: &Message) -> Result<(), String> {
    let names = [
        ("the exchange", message.exchange.as_str()),
        ("the routing key", message.routing_key.as_str()),
    ];
    let values = texts(&message.properties).map(|(name, text)| (name, text.unwrap_or_default()));
    match names
        .into_iter()
        .chain(values)
        .find(|(_, text)| text.len() > SHORT_STRING)
    {
        Some((name, _)) => Err(format!("{name} is longer than {SHORT_STRING} bytes")),
        None => check_table(&message.properties.headers),
    }
}

fn check_table(headers: &Headers) -> Result<(), String> {
    for (name, value) in headers {
        if name.len() > SHORT_STRING {
            return Err(format!(
                "the name of a header is longer than {SHORT_STRING} bytes"
            ));
        }
        check_nested(value)?;
    }
    Ok(())
}

fn check_nested(value: &HeaderValue) -> Result<(), String> {
    match value {
        HeaderValue::Table(table) => check_table(table),
        HeaderValue::List(values) => values.iter().try_for_each(check_nested),
        _ => Ok(()),
    }
}

/// What RabbitMQ answers with 406 and a closed channel.
fn check_values(properties: &Properties, user: &str) -> Result<(), String> {
    if let Some(other) = properties.user_id.as_ref().filter(|u| *u != user) {
        return Err(format!("user_id '{other}' is not the user logged in"));
    }
    if let Some(text) = &properties.expiration
        && text.parse::<u32>().is_err()
    {
        return Err("expiration is not a number of milliseconds".to_owned());
    }
    for name in ["CC", "BCC"] {
        let text = |value: &HeaderValue| value.as_str().is_some();
        match properties.headers.get(name) {
            None => {}
            Some(HeaderValue::List(keys)) if keys.iter().all(text) => {}
            Some(_) => return Err(format!("header {name} is not a list of routing keys")),
        }
    }
    Ok(())
}

fn texts(properties: &Properties) -> [(&'static str, Option<&str>); 9] {
    [
        ("message_id", properties.message_id.as_deref()),
        ("type", properties.kind.as_deref()),
        ("content_type", properties.content_type.as_deref()),
        ("content_encoding", properties.content_encoding.as_deref()),
        ("app_id", properties.app_id.as_deref()),
        ("correlation_id", properties.correlation_id.as_deref()),
        ("reply_to", properties.reply_to.as_deref()),
        ("expiration", properties.expiration.as_deref()),
        ("user_id", properties.user_id.as_deref()),
    ]
}

/// Bytes of the content header frame these properties make.
pub(super) fn header_bytes(properties: &Properties) -> usize {
    // Frame header and end 8; class, weight, body size 12; flags 2; delivery mode 1.
    const FIXED: usize = 8 + 12 + 2 + 1;
    let texts: usize = texts(properties)
        .iter()
        .filter_map(|(_, text)| text.map(|t| 1 + t.len()))
        .sum();
    FIXED
        + texts
        + properties.timestamp.map_or(0, |_| 8)
        + properties.priority.map_or(0, |_| 1)
        + table_bytes(&properties.headers)
}

/// A length before the table and each name, a type before each value.
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
