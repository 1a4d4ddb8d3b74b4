//! What is known of a destination while no event comes.

use super::*;
use fanout_contract::{Batch, Outcomes, Trace};
use futures::future::BoxFuture;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio_util::task::AbortOnDropHandle;

const DEADLINE: Duration = Duration::from_secs(30);

/// Can be away; counts how often it is asked beside its events.
#[derive(Default)]
struct Store {
    away: AtomicBool,
    asked: AtomicUsize,
}

impl Processor for Store {
    fn name(&self) -> &'static str {
        "store"
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { self.answer() })
    }

    fn applied<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, Result<Applied, Failure>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let told = Applied::Told(vec![Trace::NotApplied; ids.len()]);
        Box::pin(async { self.answer().map(|()| told) })
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async { Ok(Outcomes::all_applied(batch)) })
    }
}

impl Store {
    fn answer(&self) -> Result<(), Failure> {
        match self.away.load(Ordering::Relaxed) {
            true => Err(Failure::unavailable(ReasonCode::new("away"), "is away")),
            false => Ok(()),
        }
    }
}

struct Rig {
    store: Arc<Store>,
    destination: Arc<Destination>,
    monitor: Arc<Monitor>,
    _watching: AbortOnDropHandle<Failure>,
}

impl Rig {
    /// Prepared, not paused, and without any event.
    async fn start() -> Self {
        let monitor = Arc::new(Monitor::new(1));
        let (breaker, flood) = (BreakerConfig::default(), FloodGuardConfig::default());
        let name = "events.store".to_owned();
        let destination = Arc::new(Destination::new(name, breaker, flood, monitor.clone()));
        destination.pause(false);
        let store = Arc::new(Store::default());
        let (watched, asked) = (destination.clone(), store.clone());
        let watching = async move { watched.watch_over(&*asked, DEADLINE).await };
        let rig = Self {
            store,
            destination,
            monitor,
            _watching: AbortOnDropHandle::new(tokio::spawn(watching)),
        };
        rig.after(1).await;
        rig
    }

    /// The state of the breaker and whether a problem stands, so many seconds later.
    async fn after(&self, seconds: u64) -> (&'static str, bool) {
        // sleep: paused time, which only passes so
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let seen = self.monitor.snapshot();
        (seen.breaker, seen.destination_problem.is_some())
    }

    fn away(&self, away: bool) {
        self.store.away.store(away, Ordering::Relaxed);
    }

    fn asked(&self) -> usize {
        self.store.asked.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_goes_away_while_no_event_comes_is_noticed_and_so_is_its_return() {
    let rig = Rig::start().await;
    assert_eq!(rig.after(60).await, ("closed", false));
    rig.away(true);
    assert_eq!(rig.after(31).await, ("closed", true));
    rig.away(false);
    assert_eq!(rig.after(6).await, ("closed", false));
}

#[tokio::test(start_paused = true)]
async fn a_breaker_closes_again_although_no_event_comes_to_try_the_destination() {
    let rig = Rig::start().await;
    rig.away(true);
    assert_eq!(rig.after(120).await, ("open", true));
    rig.away(false);
    assert_eq!(rig.after(36).await, ("closed", false));
}

#[tokio::test(start_paused = true)]
async fn who_holds_events_or_is_paused_asks_nothing_beside_them() {
    let rig = Rig::start().await;
    let asked = rig.asked();
    rig.monitor.holding(0, 1);
    rig.after(300).await;
    assert_eq!(rig.asked(), asked);
    rig.monitor.holding(0, 0);
    rig.destination.pause(true);
    rig.after(300).await;
    assert_eq!(rig.asked(), asked);
    rig.destination.pause(false);
    rig.after(31).await;
    assert!(rig.asked() > asked);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_answers_all_the_time_is_not_asked_beside_that() {
    let rig = Rig::start().await;
    let asked = rig.asked();
    for _ in 0..20 {
        rig.destination.answered();
        rig.after(10).await;
    }
    assert_eq!(rig.asked(), asked);
}
