//! The nouns of the contract.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use bytes::Bytes;
use fanout_contract::{
    Batch, Event, EventBuilder, EventId, Failure, FailureClass, FollowUp, Outcome, Outcomes,
    SkipReason, codes,
};
use serde_json::json;
use std::error::Error;

fn event(id: &str, payload: &'static str) -> Event {
    EventBuilder::new(
        EventId::new(id),
        "order.placed",
        Bytes::from_static(payload.as_bytes()),
    )
    .build()
}

fn batch(size: usize) -> Batch {
    Batch::from_events((0..size).map(|n| event(&n.to_string(), "{}")).collect()).unwrap()
}

#[test]
fn a_batch_is_never_empty() {
    assert!(Batch::from_events(Vec::new()).is_none());
    assert_eq!(Batch::of_one(event("1", "{}")).len(), 1);
}

#[test]
fn silence_is_a_transient_failure_with_its_own_code() {
    let mut outcomes = Outcomes::unsettled(&batch(3));
    outcomes.applied(0);
    outcomes.skipped(2, SkipReason::Duplicate);
    let verdicts = outcomes.into_vec();
    assert!(matches!(&verdicts[0], Outcome::Applied(follow_ups) if follow_ups.is_empty()));
    assert!(matches!(
        &verdicts[2],
        Outcome::Skipped(SkipReason::Duplicate)
    ));
    let Outcome::Failed(failure) = &verdicts[1] else {
        panic!("silence is {:?}", verdicts[1])
    };
    assert_eq!(failure.class(), FailureClass::Transient);
    assert_eq!(failure.code(), codes::UNSETTLED);
}

#[test]
fn a_verdict_outside_the_batch_changes_nothing() {
    let mut outcomes = Outcomes::unsettled(&batch(2));
    outcomes.applied(2);
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.get(0).is_none() && outcomes.get(1).is_none() && outcomes.get(2).is_none());
}

#[test]
fn a_payload_that_does_not_decode_is_permanent_and_keeps_its_cause() {
    let failure = event("1", "{\"total\":\"many\"}")
        .decode::<std::collections::HashMap<String, u32>>()
        .unwrap_err();
    assert_eq!(failure.class(), FailureClass::Permanent);
    assert_eq!(failure.code(), codes::PAYLOAD_INVALID);
    assert!(failure.source().is_some());
}

#[test]
fn what_does_not_decode_is_named_by_its_place_without_its_value() {
    let failure = event("1", r#"{"price":"secret"}"#)
        .decode::<std::collections::HashMap<String, u32>>()
        .unwrap_err();
    assert!(!failure.to_string().contains("secret"), "{failure}");
    assert!(failure.message().contains("line 1 column 17"), "{failure}");
}

#[test]
fn an_event_prints_no_payload() {
    let printed = format!("{:?}", event("e-1", "{\"card\":\"4111\"}"));
    assert!(
        printed.contains("e-1") && !printed.contains("4111"),
        "{printed}"
    );
}

#[test]
fn the_first_attempt_is_one() {
    let zero = EventBuilder::new(EventId::new("1"), "t", Bytes::new()).attempt(0);
    assert_eq!(zero.build().attempt(), 1);
}

#[test]
fn a_follow_up_has_the_same_id_for_every_repeat_and_another_for_each_index() {
    let (one, two) = (event("1", "{}"), event("2", "{}"));
    assert_eq!(FollowUp::id(&one, 0), FollowUp::id(&one, 0));
    assert_ne!(FollowUp::id(&one, 0), FollowUp::id(&one, 1));
    assert_ne!(FollowUp::id(&one, 0), FollowUp::id(&two, 0));
    // Written down once: a change of the namespace would publish old follow-ups anew.
    assert_eq!(
        FollowUp::id(&one, 0).as_str(),
        "8c7fdd43-436a-520e-8291-971cb274a560"
    );
}

#[test]
fn a_follow_up_survives_the_ledger_and_its_bytes_do_not_depend_on_the_order_of_keys() {
    let follow_up = FollowUp::new("a", json!({"b": 1, "a": 2})).to("events", "a.b");
    let stored = serde_json::to_string(&follow_up).unwrap();
    assert_eq!(
        serde_json::from_str::<FollowUp>(&stored).unwrap(),
        follow_up
    );
    assert_eq!(&follow_up.payload_bytes()[..], br#"{"a":2,"b":1}"#);
}

#[test]
fn failures_say_code_and_message() {
    let failure = Failure::unavailable(codes::DESTINATION_UNREACHABLE, "connection refused");
    assert_eq!(
        failure.to_string(),
        "destination-unreachable: connection refused"
    );
    assert_eq!(failure.class().as_str(), "unavailable");
}
