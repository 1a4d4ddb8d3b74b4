//! When an event counts as having happened, and which of two states is newer: one rule, so that
//! every store keeps the same state.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::event::Event;

/// How far ahead of our clock a publisher's may be. Beyond it a wrong clock would hold the
/// newest place for as long as it is wrong.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// An event's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// What it counts as.
    pub at: Timestamp,
    /// Whether a repeat of the event would have the same time: `false` where ours was taken.
    pub given: bool,
    /// Whether that is earlier than the publisher said.
    pub clamped: bool,
}

impl When {
    /// The event's time; `now` where the publisher gave none, `now` + 1 day where it lies
    /// beyond that.
    pub fn of(event: &Event, now: Timestamp) -> Self {
        let latest = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        let occurred = event.occurred_at();
        let clamped = occurred.is_some_and(|at| at > latest);
        Self {
            at: occurred.map_or(now, |at| at.min(latest)),
            given: occurred.is_some() && !clamped,
            clamped,
        }
    }
}

/// The version of a state, as text that sorts as the versions do.
///
/// A given version (`v…`) is newer than any time (`t…`); equal ones are told apart by the
/// event's id, hashed so that all stores compare alike. No two events have the same.
pub fn version(event: &Event, when: When) -> String {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, event.id().as_str().as_bytes()).simple();
    match event.subject_version() {
        Some(version) => format!("v{version:020}-{id}"),
        None => {
            // flipping the sign bit makes the order of i64 that of u64
            let micros = when.at.as_microsecond().cast_unsigned() ^ (1 << 63);
            format!("t{micros:020}-{id}")
        }
    }
}
