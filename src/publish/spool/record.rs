//! A message as the bytes of a row, and back.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::broker::Message;
use crate::redb_file::StoreError;

/// A message that was accepted and that the broker will not take as it is. It is kept beside
/// the queue of the spool, and counts towards its limits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SetAside {
    /// Its number in the spool.
    pub seq: u64,
    /// Stable code of the reason.
    pub code: String,
    /// Why, for people.
    pub reason: String,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// Bytes it takes.
    pub bytes: u64,
    /// The message; `None` where its bytes cannot be read.
    pub message: Option<Message>,
}

/// Why a message is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Reason {
    pub(in super::super) code: String,
    pub(in super::super) text: String,
    /// Milliseconds since the epoch.
    pub(in super::super) at: i64,
}

impl Reason {
    pub(in super::super) fn now(code: &str, text: String) -> Self {
        Self {
            code: code.to_owned(),
            text,
            at: jiff::Timestamp::now().as_millisecond(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Row<'a> {
    message: Cow<'a, Message>,
}

#[derive(Serialize, Deserialize)]
struct AsideRow<'a> {
    reason: Cow<'a, Reason>,
    /// The row as it was.
    row: Cow<'a, [u8]>,
}

/// The row of a message.
///
/// # Errors
/// The message cannot be written in this form; none that a broker takes.
pub(in super::super) fn encode(message: &Message) -> Result<Vec<u8>, StoreError> {
    let row = Row {
        message: Cow::Borrowed(message),
    };
    postcard::to_stdvec(&row).map_err(|e| StoreError::Damaged(format!("a message: {e}")))
}

/// The message of a row; `None` where the bytes make none.
pub(super) fn decode(bytes: &[u8]) -> Option<Message> {
    let row: Row<'_> = postcard::from_bytes(bytes).ok()?;
    Some(row.message.into_owned())
}

pub(super) fn encode_aside(reason: &Reason, row: &[u8]) -> Result<Vec<u8>, StoreError> {
    let aside = AsideRow {
        reason: Cow::Borrowed(reason),
        row: Cow::Borrowed(row),
    };
    postcard::to_stdvec(&aside).map_err(|e| StoreError::Damaged(format!("a message: {e}")))
}

pub(super) fn decode_aside(seq: u64, bytes: &[u8]) -> Result<SetAside, StoreError> {
    let aside: AsideRow<'_> = postcard::from_bytes(bytes)
        .map_err(|e| StoreError::Damaged(format!("message {seq} set aside: {e}")))?;
    let Reason { code, text, at } = aside.reason.into_owned();
    Ok(SetAside {
        seq,
        code,
        reason: text,
        at,
        bytes: bytes.len().try_into().unwrap_or(u64::MAX),
        message: decode(&aside.row),
    })
}
