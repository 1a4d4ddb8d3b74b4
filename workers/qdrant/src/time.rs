//! When an event counts as having happened, and which of two states is newer.

use fanout_contract::Event;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// How far ahead of our clock a publisher's may be. Beyond it a wrong clock would hold the
/// newest place for as long as it is wrong.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// An event's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct When {
    /// What it counts as.
    pub(crate) at: Timestamp,
    /// Whether a repeat of the event would have the same time: `false` where ours was taken.
    pub(crate) given: bool,
    /// Whether that is earlier than the publisher said.
    pub(crate) clamped: bool,
}

impl When {
    /// The event's time; `now` where the publisher gave none, `now` + 1 day where it lies
    /// beyond that.
    pub(crate) fn of(event: &Event, now: Timestamp) -> Self {
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

/// The version of a state, as text that sorts as the versions do: the same as in the graph.
///
/// A given version (`v…`) is newer than any time (`t…`); equal ones are told apart by the
/// event's id, hashed so that all stores compare alike. No two events have the same.
pub(crate) fn version(event: &Event, when: When) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use fanout_contract::{EventBuilder, EventId};

    fn event(id: &str) -> EventBuilder {
        EventBuilder::new(EventId::new(id), "k", Bytes::new())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_time_is_ours_where_the_publisher_gave_none_or_one_beyond_tomorrow() {
        let now = at(1_000);
        let none = When::of(&event("e").build(), now);
        assert_eq!((none.at, none.given, none.clamped), (now, false, false));
        let ahead = |s: i64| When::of(&event("e").occurred_at(at(1_000 + s)).build(), now);
        let (just, beyond) = (ahead(86_400), ahead(86_401));
        assert_eq!(
            (just.at, just.given, just.clamped),
            (at(87_400), true, false)
        );
        assert_eq!(
            (beyond.at, beyond.given, beyond.clamped),
            (at(87_400), false, true)
        );
    }

    #[test]
    fn versions_sort_as_given_version_then_time_then_id() {
        let timed = |second, id: &str| {
            let event = event(id).occurred_at(at(second)).build();
            version(&event, When::of(&event, at(0)))
        };
        let given = |v, id: &str| {
            let event = event(id).subject_version(v).build();
            version(&event, When::of(&event, at(0)))
        };
        assert!(timed(-5, "a") < timed(-4, "a"));
        assert!(timed(-1, "a") < timed(1, "a"));
        assert!(timed(9, "a") < given(0, "a"));
        assert!(given(9, "a") < given(10, "a"));
        assert_ne!(given(9, "a"), given(9, "b"));
    }
}
