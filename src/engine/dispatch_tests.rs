use super::*;
use bytes::Bytes;
use fanout_contract::{EventBuilder, EventId, Outcomes};
use futures::future::BoxFuture;
use std::collections::HashSet;
use std::sync::Mutex;

const BAD: ReasonCode = ReasonCode::new("bad-row");

/// Fails a whole batch that holds a marked event, as a database does.
struct Store {
    bad: HashSet<usize>,
    failure: Failure,
    calls: Mutex<Vec<usize>>,
}

impl Store {
    fn new(bad: impl IntoIterator<Item = usize>, failure: Failure) -> Self {
        Self {
            bad: bad.into_iter().collect(),
            failure,
            calls: Mutex::default(),
        }
    }

    fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

impl Processor for Store {
    fn name(&self) -> &'static str {
        "store"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            self.calls.lock().unwrap().push(batch.len());
            let bad = batch.events().iter().any(|e| self.bad.contains(&number(e)));
            if bad {
                Err(self.failure.clone())
            } else {
                Ok(Outcomes::all_applied(batch))
            }
        })
    }
}

fn number(event: &Event) -> usize {
    event.id().as_str().parse().unwrap()
}

fn events(count: usize) -> Vec<Event> {
    let event =
        |i: usize| EventBuilder::new(EventId::new(i.to_string()), "k", Bytes::new()).build();
    (0..count).map(event).collect()
}

async fn failed(store: &Store, count: usize) -> Vec<(usize, Failure)> {
    let dispatch = Dispatch::new(store, Duration::from_secs(30), count);
    let outcomes = dispatch.run(events(count)).await;
    assert_eq!(outcomes.len(), count);
    let failure = |(i, outcome)| match outcome {
        Outcome::Failed(failure) => Some((i, failure)),
        _ => None,
    };
    outcomes
        .into_iter()
        .enumerate()
        .filter_map(failure)
        .collect()
}

#[tokio::test]
async fn one_bad_event_among_a_thousand_is_found_in_twenty_calls() {
    let store = Store::new([617], Failure::permanent(BAD, "x"));
    let failures = failed(&store, 1000).await;
    assert_eq!(failures.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [617]);
    assert!(store.calls() <= 21, "{} calls", store.calls());
}

#[tokio::test]
async fn when_every_event_is_bad_each_is_called_alone_and_judged_itself() {
    let store = Store::new(0..64, Failure::permanent(BAD, "x"));
    let failures = failed(&store, 64).await;
    assert_eq!(failures.len(), 64);
    assert!(
        failures
            .iter()
            .all(|(_, f)| f.class() == FailureClass::Permanent)
    );
    assert!(store.calls() <= 129, "{} calls", store.calls());
}

#[tokio::test]
async fn an_unavailable_destination_is_never_bisected() {
    let store = Store::new([3], Failure::unavailable(BAD, "x"));
    assert_eq!(failed(&store, 100).await.len(), 100);
    assert_eq!(store.calls(), 1);
}

#[tokio::test]
async fn both_halves_failing_with_the_same_transient_code_are_innocent() {
    let store = Store::new(0..100, Failure::transient(BAD, "x"));
    let failures = failed(&store, 100).await;
    assert_eq!(failures.len(), 100);
    assert!(
        failures
            .iter()
            .all(|(_, f)| f.class() == FailureClass::Unavailable)
    );
    assert_eq!(store.calls(), 3);
}

#[tokio::test]
async fn a_batch_too_large_for_the_destination_is_halved_although_it_is_unavailable() {
    let store = Store::new(
        [0],
        Failure::unavailable(BAD, "x").with_remedy(Remedy::SmallerBatch),
    );
    assert_eq!(failed(&store, 16).await.len(), 1);
}

struct Stalls;

impl Processor for Stalls {
    fn name(&self) -> &'static str {
        "stalls"
    }

    fn process<'a>(&'a self, _: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_unavailable_for_the_whole_batch_after_one_call() {
    let started = Instant::now();
    let outcomes = Dispatch::new(&Stalls, Duration::from_secs(30), 10)
        .run(events(10))
        .await;
    assert_eq!(started.elapsed(), Duration::from_secs(30));
    let late =
        |o: &Outcome| matches!(o, Outcome::Failed(f) if f.class() == FailureClass::Unavailable);
    assert!(outcomes.iter().all(late));
}

struct Panics;

impl Processor for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            assert!(!batch.events().iter().any(|e| number(e) == 7), "seven");
            Ok(Outcomes::all_applied(batch))
        })
    }
}

#[tokio::test]
async fn a_panic_is_transient_for_the_one_event_that_causes_it() {
    let outcomes = Dispatch::new(&Panics, Duration::from_secs(30), 100)
        .run(events(100))
        .await;
    let failures: Vec<_> = outcomes
        .iter()
        .enumerate()
        .filter(|(_, o)| matches!(o, Outcome::Failed(_)))
        .collect();
    let [(7, Outcome::Failed(failure))] = failures.as_slice() else {
        panic!("{failures:?}")
    };
    assert_eq!(
        (failure.class(), failure.code()),
        (FailureClass::Transient, contract::PANIC)
    );
    assert!(failure.message().contains("seven"));
}
