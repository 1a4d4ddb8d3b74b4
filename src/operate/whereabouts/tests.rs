use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fanout_contract::{Applied, Batch, EventId, Failure, Outcomes, Processor, ReasonCode, Trace};
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::Stores;

/// Has an event from its moment on; counts how often it was asked.
struct Fake {
    from: HashMap<EventId, Instant>,
    asked: AtomicU32,
    largest: Mutex<usize>,
    takes: Duration,
    /// How often it fails.
    fails: AtomicU32,
}

impl Fake {
    fn having(events: &[(&str, u64)]) -> Arc<Self> {
        let now = Instant::now();
        let from = events
            .iter()
            .map(|(id, millis)| (EventId::new(*id), now + Duration::from_millis(*millis)));
        Arc::new(Self {
            from: from.collect(),
            asked: AtomicU32::new(0),
            largest: Mutex::new(0),
            takes: Duration::from_millis(1),
            fails: AtomicU32::new(0),
        })
    }
}

impl Processor for Fake {
    fn name(&self) -> &str {
        "fake"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async { Ok(Outcomes::all_applied(batch)) })
    }

    fn applied<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, Result<Applied, Failure>> {
        Box::pin(async {
            if ids.is_empty() {
                return Ok(Applied::Told(Vec::new()));
            }
            self.asked.fetch_add(1, Ordering::Relaxed);
            {
                let mut largest = self.largest.lock().unwrap();
                *largest = ids.len().max(*largest);
            }
            sleep(self.takes).await;
            let left = self.fails.load(Ordering::Relaxed);
            if left > 0 {
                self.fails.store(left - 1, Ordering::Relaxed);
                return Err(Failure::unavailable(ReasonCode::new("away"), "is away"));
            }
            let there = |id: &EventId| match self.from.get(id) {
                Some(from) if *from <= Instant::now() => Trace::Applied { at: None },
                _ => Trace::NotApplied,
            };
            Ok(Applied::Told(ids.iter().map(there).collect()))
        })
    }
}

/// Cannot tell.
struct Silent;

impl Processor for Silent {
    fn name(&self) -> &str {
        "silent"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async { Ok(Outcomes::all_applied(batch)) })
    }
}

fn ids(ids: &[&str]) -> Vec<EventId> {
    ids.iter().map(|id| EventId::new(*id)).collect()
}

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

fn after(millis: u64) -> Instant {
    Instant::now() + Duration::from_millis(millis)
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_once_every_store_has_every_event() {
    let (early, late) = (
        Fake::having(&[("a", 0), ("b", 0)]),
        Fake::having(&[("a", 100), ("b", 700)]),
    );
    let stores = Stores::new()
        .with("early", Some(early.clone()))
        .with("late", Some(late));
    let began = Instant::now();
    let asked = keys(&["early", "late"]);
    let seen = stores.seen(&asked, &ids(&["a", "b"]), after(5_000)).await;
    assert!(seen.iter().all(super::Seen::all_applied), "{seen:?}");
    let took = began.elapsed().as_millis();
    assert!((700..1_300).contains(&took), "{took} ms");
    assert_eq!(early.asked.load(Ordering::Relaxed), 1, "it had all at once");
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_bounded_and_says_what_is_missing_where() {
    let store = Fake::having(&[("a", 0)]);
    let stores = Stores::new().with("graph", Some(store.clone()));
    let began = Instant::now();
    let seen = stores
        .seen(&keys(&["graph"]), &ids(&["a", "b"]), after(3_000))
        .await;
    assert!(began.elapsed() < Duration::from_millis(4_100));
    assert_eq!(
        seen[0].traces,
        [Trace::Applied { at: None }, Trace::NotApplied]
    );
    // the pauses grow: 15 ms doubling to 500 ms
    assert!(store.asked.load(Ordering::Relaxed) < 15);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_or_hangs_is_a_problem_of_its_own() {
    let failing = Fake {
        fails: AtomicU32::new(u32::MAX),
        ..Arc::into_inner(Fake::having(&[])).unwrap()
    };
    let hanging = Fake {
        takes: Duration::from_secs(3_600),
        ..Arc::into_inner(Fake::having(&[])).unwrap()
    };
    let stores = Stores::new()
        .with("failing", Some(Arc::new(failing)))
        .with("hanging", Some(Arc::new(hanging)))
        .with("well", Some(Fake::having(&[("a", 0)])))
        .with("foreign", None)
        .with("silent", Some(Arc::new(Silent)));
    let all: Vec<String> = stores.queues().map(str::to_owned).collect();
    let began = Instant::now();
    let seen = stores.seen(&all, &ids(&["a"]), Instant::now()).await;
    assert!(began.elapsed() < Duration::from_millis(5_100));
    let problems: Vec<_> = seen
        .iter()
        .map(|one| one.problem.clone().unwrap_or_default())
        .collect();
    assert!(problems[0].contains("is away"), "{problems:?}");
    assert!(problems[1].contains("no answer"), "{problems:?}");
    assert_eq!(problems[2], "");
    assert!(problems[3].contains("does not have"), "{problems:?}");
    assert!(problems[4].contains("no traces"), "{problems:?}");
    assert!(seen[2].all_applied());
    assert_eq!(stores.silent(&all).await, ["foreign", "silent"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_broke_while_it_was_idle_is_no_problem() {
    let store = Fake::having(&[("a", 0)]);
    store.fails.store(1, Ordering::Relaxed);
    let stores = Stores::new().with("graph", Some(store));
    let seen = stores
        .seen(&keys(&["graph"]), &ids(&["a"]), Instant::now())
        .await;
    assert!(
        seen[0].all_applied() && seen[0].problem.is_none(),
        "{seen:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn at_most_a_thousand_ids_are_asked_at_a_time_and_only_the_missing_again() {
    let known: Vec<(String, u64)> = (0..2_500)
        .map(|n| (format!("e-{n}"), if n == 7 { 200 } else { 0 }))
        .collect();
    let events: Vec<(&str, u64)> = known.iter().map(|(id, at)| (id.as_str(), *at)).collect();
    let store = Fake::having(&events);
    let stores = Stores::new().with("graph", Some(store.clone()));
    let all: Vec<EventId> = events.iter().map(|(id, _)| EventId::new(*id)).collect();
    let seen = stores.seen(&keys(&["graph"]), &all, after(5_000)).await;
    assert!(seen[0].all_applied());
    assert_eq!(*store.largest.lock().unwrap(), 1_000);
}
