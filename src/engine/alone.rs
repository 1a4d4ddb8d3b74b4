//! Events that stall the destination although they are called alone.
//!
//! A batch that misses its deadline says nothing about its events. An event that does so
//! alone, again and again, while the probe succeeds and other events pass, is to blame.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use fanout_contract::{Event, EventId, Failure, FailureClass, Outcome, Remedy, codes};

/// Times alone after which it is to blame, where others have passed meanwhile.
const SUSPICIOUS: u32 = 3;
/// Times alone after which it is to blame even where nothing else has passed: at the default
/// deadline and open time this is ten minutes of a destination whose probe succeeds.
const CERTAIN: u32 = 10;
/// Events remembered; more stalling at once is an outage.
const REMEMBERED: usize = 1024;

#[derive(Debug, Default)]
struct Record {
    times: u32,
    passed_before: u64,
}

#[derive(Debug, Default)]
struct Inner {
    records: HashMap<EventId, Record>,
    passed: u64,
}

/// Remembers who stalled alone.
#[derive(Debug, Default)]
pub(super) struct Alone(Mutex<Inner>);

impl Alone {
    /// Other events have passed.
    pub(super) fn passed(&self, events: usize) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.passed = inner.passed.saturating_add(events as u64);
    }

    /// The verdict on an event that was called alone: a stall that has happened too often
    /// becomes *transient*; everything else stays as it is.
    pub(super) fn judge(&self, event: &Event, outcome: Outcome) -> Outcome {
        let Outcome::Failed(failure) = &outcome else {
            return self.forget(event, outcome);
        };
        if !stalled(failure) {
            return self.forget(event, outcome);
        }
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.records.len() >= REMEMBERED && !inner.records.contains_key(event.id()) {
            inner.records.clear();
        }
        let passed = inner.passed;
        let record = inner.records.entry(event.id().clone()).or_insert(Record {
            times: 0,
            passed_before: passed,
        });
        record.times = record.times.saturating_add(1);
        let others_passed = passed > record.passed_before;
        if record.times >= CERTAIN || (record.times >= SUSPICIOUS && others_passed) {
            inner.records.remove(event.id());
            return Outcome::Failed(Failure::transient(failure.code(), failure.message()));
        }
        outcome
    }

    fn forget(&self, event: &Event, outcome: Outcome) -> Outcome {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !inner.records.is_empty() {
            inner.records.remove(event.id());
        }
        outcome
    }
}

fn stalled(failure: &Failure) -> bool {
    failure.class() == FailureClass::Unavailable
        && (failure.code() == codes::DEADLINE_EXCEEDED || failure.remedy() == Remedy::SmallerBatch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use fanout_contract::EventBuilder;

    fn event() -> Event {
        EventBuilder::new(EventId::new("e"), "k", Bytes::new()).build()
    }

    fn late() -> Outcome {
        Outcome::Failed(Failure::unavailable(codes::DEADLINE_EXCEEDED, "late"))
    }

    fn class(outcome: &Outcome) -> FailureClass {
        let Outcome::Failed(failure) = outcome else {
            panic!("{outcome:?}")
        };
        failure.class()
    }

    #[test]
    fn an_event_that_stalls_alone_three_times_while_others_pass_is_transient() {
        let alone = Alone::default();
        let mut classes = Vec::new();
        for _ in 0..3 {
            classes.push(class(&alone.judge(&event(), late())));
            alone.passed(1);
        }
        use FailureClass::{Transient, Unavailable};
        assert_eq!(classes, [Unavailable, Unavailable, Transient]);
    }

    #[test]
    fn a_slow_destination_where_nothing_passes_is_not_the_events_fault() {
        let alone = Alone::default();
        for _ in 0..9 {
            assert_eq!(
                class(&alone.judge(&event(), late())),
                FailureClass::Unavailable
            );
        }
    }

    #[test]
    fn an_answer_in_between_clears_it() {
        let alone = Alone::default();
        for _ in 0..5 {
            for _ in 0..2 {
                alone.judge(&event(), late());
                alone.passed(1);
            }
            alone.judge(&event(), Outcome::applied());
        }
        assert_eq!(
            class(&alone.judge(&event(), late())),
            FailureClass::Unavailable
        );
    }
}
