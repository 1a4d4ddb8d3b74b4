//! A destination that is slow or away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fanout_contract::{Batch, Failure, Outcome, Outcomes, Processor};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::fake::{BUSY, Fake};
use super::rig::Rig;
use super::{DLQ, QUEUE, events};
use crate::support::ledger::Ledger;

const DEADLINE: Duration = Duration::from_millis(200);
const COUNT: usize = 3000;

/// Applies, but not before the deadline while it is slow.
struct Slow {
    fake: Arc<Fake>,
    slow: AtomicBool,
}

impl Processor for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        async move {
            if self.slow.load(Ordering::SeqCst) {
                // Noted, and never answered in time.
                let _ = self.fake.process(batch).await;
                // sleep: this is how slow it is
                tokio::time::sleep(2 * DEADLINE).await;
            }
            self.fake.process(batch).await
        }
        .boxed()
    }
}

fn short(config: &mut fanout::config::Config) {
    config.worker.lanes = 2;
    config.breaker.failures = 3;
    config.breaker.open_for = Duration::from_millis(500);
    config.queues.get_mut("neo4j").unwrap().deadline = DEADLINE;
}

/// Nothing spent, nothing dead, everything applied.
async fn recovers(rig: &Rig, running: super::rig::Running, fake: &Fake) {
    let counts = running.counts();
    assert_eq!((counts.retried, counts.dead_lettered), (0, 0));
    let done = running.shows("all applied", |s| s.counts.applied == COUNT as u64);
    assert_eq!(done.await.breaker, "closed");
    running
        .shows("well again", |s| s.destination_problem.is_none())
        .await;
    let counts = running.drain().await;
    assert_eq!((counts.retried, counts.dead_lettered), (0, 0), "{counts:?}");
    assert!(fake.calls().iter().flatten().all(|seen| seen.attempt == 1));
    let mut ledger = Ledger::default();
    ledger.published((0..COUNT).map(|id| id.to_string()));
    ledger.compare(fake.applied()).assert_complete();
    for queue in [QUEUE, "events.neo4j.suspect", DLQ] {
        assert_eq!(rig.ready(queue).await, 0, "{queue}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_destination_slower_than_the_deadline_costs_no_attempt_and_recovers_by_itself() {
    let rig = Rig::new("slow", short).await;
    rig.publish(events(COUNT, "view")).await;
    let fake = Fake::applies();
    let slow = Arc::new(Slow {
        fake: fake.clone(),
        slow: AtomicBool::new(true),
    });
    let running = rig.start(slow.clone());
    // Several rounds of opening, probing, trying one.
    let given_back = |s: &fanout::engine::Snapshot| s.counts.given_back;
    running
        .shows("open", |s| s.breaker == "open" && given_back(s) > 0)
        .await;
    for _ in 0..4 {
        let before = running.counts().given_back;
        running.shows("a trial", |s| given_back(s) > before).await;
    }
    let trials = fake.calls();
    let last = trials.last().unwrap();
    assert_eq!(last.len(), 1, "a trial is one event");
    slow.slow.store(false, Ordering::SeqCst);
    recovers(&rig, running, &fake).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn while_the_destination_is_away_nothing_is_held_and_afterwards_all_is_applied_once() {
    let rig = Rig::new("away", short).await;
    let away = Arc::new(AtomicBool::new(true));
    let is_away = away.clone();
    let fake = Arc::new(Fake::new(move |_| {
        if is_away.load(Ordering::SeqCst) {
            return Outcome::Failed(Failure::unavailable(BUSY, "away"));
        }
        Outcome::applied()
    }));
    rig.publish(events(COUNT, "view")).await;
    let running = rig.start(fake.clone());
    let open = |s: &fanout::engine::Snapshot| {
        s.breaker == "open" && s.in_flight == 0 && s.destination_problem.is_some()
    };
    let held = running.shows("open, nothing held", open).await;
    assert_eq!(held.destination_problem.map(|f| f.code()), Some(BUSY));
    rig.ready_is(QUEUE, COUNT as u64).await;
    away.store(false, Ordering::SeqCst);
    recovers(&rig, running, &fake).await;
    let fake = fake.applied();
    assert_eq!(fake.len(), COUNT, "each once");
}
