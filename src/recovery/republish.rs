//! The one place where a message is made from another: what carries over and what does not.
//!
//! Whitelist: `user_id` would be refused (406), `CC`/`BCC` would multiply, `expiration`
//! would expire early, `reply_to` means nothing here, the `x-death` family would make the
//! broker see cycles. Delivery mode is always 2.

use fanout_contract::{Event, EventId, FollowUp, ReasonCode};
use jiff::Timestamp;

use crate::broker::{HeaderValue, Headers, Message, Properties};
use crate::topology::names::headers as names;

/// Error text kept, bytes. Enough for a message and its cause.
const MAX_ERROR_BYTES: usize = 1024;
/// History kept, bytes; with the error and the rest below 8 KiB together.
const MAX_HISTORY_BYTES: usize = 6 * 1024;
/// Foreign headers kept, bytes: header and properties must fit into one frame of 128 KiB.
const MAX_FOREIGN_HEADER_BYTES: usize = 64 * 1024;

/// What is written about a failure.
#[derive(Clone, Debug)]
pub struct FailureNote<'a> {
    /// The queue it failed in.
    pub queue: &'a str,
    /// The attempt that failed; the first is 1.
    pub attempt: u32,
    /// Reason code.
    pub code: ReasonCode,
    /// Error text.
    pub error: &'a str,
    /// When.
    pub at: Timestamp,
}

/// The message for a retry stage: `routing_key` names its queue on the default exchange.
pub fn retry(
    original: &Message,
    id: Option<&EventId>,
    routing_key: String,
    note: &FailureNote<'_>,
) -> Message {
    annotated(
        original,
        id,
        routing_key,
        note,
        note.attempt.saturating_add(1),
    )
}

/// The message for the dead-letter queue.
pub fn dead_letter(
    original: &Message,
    id: Option<&EventId>,
    routing_key: String,
    note: &FailureNote<'_>,
) -> Message {
    annotated(original, id, routing_key, note, note.attempt)
}

fn annotated(
    original: &Message,
    id: Option<&EventId>,
    routing_key: String,
    note: &FailureNote<'_>,
    attempt: u32,
) -> Message {
    let mut message = carry_over(original, id, routing_key);
    let headers = &mut message.properties.headers;
    annotate(headers, note);
    let attempt = HeaderValue::Int(i64::from(attempt));
    headers.insert(names::ATTEMPT.to_owned(), attempt);
    message
}

/// The message for the suspect queue: unchanged but for what must not carry over.
pub fn suspect(original: &Message, id: Option<&EventId>, routing_key: String) -> Message {
    carry_over(original, id, routing_key)
}

/// The message that goes back to `routing_key`, as its first attempt once more; `run` names
/// the replay. `note`: why the broker itself dead-lettered it, where it did.
pub fn replay(
    original: &Message,
    id: Option<&EventId>,
    routing_key: String,
    run: &str,
    note: Option<&FailureNote<'_>>,
) -> Message {
    let mut message = restored(original, id, routing_key, note);
    let headers = &mut message.properties.headers;
    headers.insert(names::ATTEMPT.to_owned(), HeaderValue::Int(1));
    headers.insert(names::REPLAY.to_owned(), run.into());
    message
}

/// The message that goes back into a dead-letter queue, with what the broker itself said of
/// it in our own headers, where it did.
pub fn restored(
    original: &Message,
    id: Option<&EventId>,
    routing_key: String,
    note: Option<&FailureNote<'_>>,
) -> Message {
    let mut message = carry_over(original, id, routing_key);
    if let Some(note) = note {
        annotate(&mut message.properties.headers, note);
    }
    message
}

/// The message of a follow-up event. The same source gives the same message (law L10).
pub fn follow_up(
    source: &Event,
    index: usize,
    follow_up: &FollowUp,
    exchange: String,
    routing_key: String,
    body: bytes::Bytes,
) -> Message {
    let mut headers = Headers::new();
    let hops = i64::from(source.hops()).saturating_add(1);
    headers.insert(names::HOPS.to_owned(), HeaderValue::Int(hops));
    if let Some(parent) = source.trace_parent() {
        headers.insert(names::TRACEPARENT.to_owned(), parent.into());
    }
    let timestamp = source
        .occurred_at()
        .and_then(|at| u64::try_from(at.as_second()).ok());
    let properties = Properties {
        message_id: Some(FollowUp::id(source, index).to_string()),
        kind: Some(follow_up.kind().to_owned()),
        timestamp,
        content_type: Some("application/json".to_owned()),
        priority: source.priority(),
        persistent: true,
        headers,
        ..Properties::default()
    };
    Message {
        exchange,
        routing_key,
        properties,
        body,
    }
}

fn carry_over(original: &Message, id: Option<&EventId>, routing_key: String) -> Message {
    let from = &original.properties;
    let mut headers = foreign_headers(&from.headers);
    let kept = |name: &str, value: &str| {
        from.headers
            .get(name)
            .cloned()
            .unwrap_or_else(|| value.into())
    };
    headers.insert(
        names::EXCHANGE.to_owned(),
        kept(names::EXCHANGE, &original.exchange),
    );
    headers.insert(
        names::ROUTING_KEY.to_owned(),
        kept(names::ROUTING_KEY, &original.routing_key),
    );
    let properties = Properties {
        message_id: from
            .message_id
            .clone()
            .or_else(|| id.map(EventId::to_string)),
        kind: from.kind.clone(),
        timestamp: from.timestamp,
        content_type: from.content_type.clone(),
        content_encoding: from.content_encoding.clone(),
        app_id: from.app_id.clone(),
        correlation_id: from.correlation_id.clone(),
        priority: from.priority,
        persistent: true,
        headers,
        reply_to: None,
        expiration: None,
        user_id: None,
    };
    Message {
        exchange: String::new(),
        routing_key,
        properties,
        body: original.body.clone(),
    }
}

/// Everything that is not the broker's, in order of name, as far as it fits.
fn foreign_headers(headers: &Headers) -> Headers {
    let mut left = MAX_FOREIGN_HEADER_BYTES;
    let mut dropped = 0_i64;
    let mut kept = Headers::new();
    for (name, value) in headers.iter().filter(|(name, _)| !is_brokers_own(name)) {
        match left.checked_sub(name.len().saturating_add(size(value))) {
            Some(rest) => {
                left = rest;
                kept.insert(name.clone(), value.clone());
            }
            None => dropped = dropped.saturating_add(1),
        }
    }
    if dropped > 0 {
        kept.insert(names::HEADERS_DROPPED.to_owned(), HeaderValue::Int(dropped));
    }
    kept
}

fn is_brokers_own(name: &str) -> bool {
    matches!(
        name,
        "CC" | "BCC" | "x-death" | "x-delivery-count" | "x-acquired-count" | "x-match"
    ) || name.starts_with("x-first-death-")
        || name.starts_with("x-last-death-")
}

/// Bytes of a value on the wire, roughly.
fn size(value: &HeaderValue) -> usize {
    match value {
        HeaderValue::Text(text) => text.len().saturating_add(5),
        HeaderValue::Bytes(bytes) => bytes.len().saturating_add(5),
        HeaderValue::List(items) => items.iter().map(size).sum::<usize>().saturating_add(5),
        HeaderValue::Table(table) => table
            .iter()
            .map(|(k, v)| k.len().saturating_add(size(v)))
            .sum::<usize>()
            .saturating_add(5),
        _ => 9,
    }
}

fn annotate(headers: &mut Headers, note: &FailureNote<'_>) {
    let mut put = |name: &str, value: HeaderValue| headers.insert(name.to_owned(), value);
    put(names::REASON, note.code.as_str().into());
    put(names::ERROR, truncated(note.error, MAX_ERROR_BYTES).into());
    put(names::ORIGIN_QUEUE, note.queue.into());
    headers
        .entry(names::FIRST_FAILED_AT.to_owned())
        .or_insert_with(|| note.at.to_string().into());
    let history = history(
        headers.get(names::HISTORY).and_then(HeaderValue::as_str),
        note,
    );
    headers.insert(names::HISTORY.to_owned(), history.into());
}

/// Appends this failure; the oldest entries go first where it grows too long.
fn history(before: Option<&str>, note: &FailureNote<'_>) -> String {
    let mut entries: Vec<serde_json::Value> = before
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    entries.push(serde_json::json!({
        "at": note.at.to_string(),
        "attempt": note.attempt,
        "reason": note.code.as_str(),
        "queue": note.queue,
    }));
    let mut text = serde_json::Value::from(entries.clone()).to_string();
    while text.len() > MAX_HISTORY_BYTES && entries.len() > 1 {
        entries.remove(0);
        text = serde_json::Value::from(entries.clone()).to_string();
    }
    text
}

fn truncated(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes))
        .unwrap_or_default()
}

#[cfg(test)]
#[path = "republish_tests.rs"]
mod tests;
