//! When an event counts as having happened, and which of two states is newer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use bytes::Bytes;
use fanout_contract::{EventBuilder, EventId, When, version};
use jiff::Timestamp;

fn event(id: &str) -> EventBuilder {
    EventBuilder::new(EventId::new(id), "k", Bytes::new())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn a_missing_time_is_now() {
    let when = When::of(&event("e").build(), at(100));
    assert_eq!(
        when,
        When {
            at: at(100),
            given: false,
            clamped: false
        }
    );
}

#[test]
fn a_time_beyond_tomorrow_counts_as_tomorrow() {
    let now = at(1_000);
    let ahead = |seconds: i64| When::of(&event("e").occurred_at(at(1_000 + seconds)).build(), now);
    assert_eq!(
        ahead(86_400),
        When {
            at: at(87_400),
            given: true,
            clamped: false
        }
    );
    assert_eq!(
        ahead(86_401),
        When {
            at: at(87_400),
            given: false,
            clamped: true
        }
    );
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
    assert_eq!(timed(9, "a"), timed(9, "a"));
}
