//! What the engine lets others see: written by lanes, read by health, metrics and tests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fanout_contract::{Failure, ReasonCode};
use tokio::time::Instant;

/// Counters and states of one engine. Reading never blocks a lane for long.
#[derive(Debug)]
pub struct Monitor {
    started: Instant,
    lanes: Vec<LaneCell>,
    totals: Totals,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct LaneCell {
    /// Milliseconds after `started`.
    heartbeat: AtomicU64,
    /// 1 while the lane has a consumer at the broker.
    consuming: AtomicUsize,
    /// Deliveries it holds.
    holding: AtomicUsize,
}

#[derive(Debug, Default)]
struct Totals {
    applied: AtomicU64,
    skipped: AtomicU64,
    retried: AtomicU64,
    dead_lettered: AtomicU64,
    given_back: AtomicU64,
    suspects: AtomicU64,
    follow_ups: AtomicU64,
}

#[derive(Debug, Default)]
struct Notes {
    last_settled: Option<Instant>,
    destination: Option<Failure>,
    /// By who has it; see [`ProblemCell`].
    publish_problems: BTreeMap<u64, PublishProblem>,
    next_cell: u64,
    flood: Option<ReasonCode>,
    breaker: &'static str,
    paused: bool,
    draining: bool,
}

/// A message that the broker does not take; nothing is acknowledged meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishProblem {
    /// Queue or exchange it is meant for.
    pub target: String,
    /// Stable code.
    pub code: &'static str,
    /// What the broker said.
    pub message: String,
}

/// How many events came to which end since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Applied.
    pub applied: u64,
    /// Skipped with a reason.
    pub skipped: u64,
    /// Sent to a retry stage.
    pub retried: u64,
    /// Dead-lettered.
    pub dead_lettered: u64,
    /// Given back without spending an attempt.
    pub given_back: u64,
    /// Moved to the suspect queue.
    pub suspects: u64,
    /// Follow-up events published.
    pub follow_ups: u64,
}

/// One lane as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// Since its loop last turned. Waiting lanes turn at least once a second.
    pub heartbeat_age: Duration,
    /// Whether it has a consumer at the broker.
    pub consuming: bool,
}

/// Everything at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The lanes.
    pub lanes: Vec<LaneStatus>,
    /// Deliveries held: received and not settled.
    pub in_flight: usize,
    /// Totals since the start.
    pub counts: Counts,
    /// Since the last event was settled.
    pub last_settled: Option<Duration>,
    /// `closed`, `open` or `half-open`.
    pub breaker: &'static str,
    /// Why the destination is not available, while it is not.
    pub destination_problem: Option<Failure>,
    /// What the broker does not take at the moment.
    pub publish_problem: Option<PublishProblem>,
    /// The code that tripped the flood guard, while it pauses.
    pub flood: Option<ReasonCode>,
    /// Whether an operator has paused the queue.
    pub paused: bool,
    /// Whether the engine is draining.
    pub draining: bool,
}

impl Monitor {
    pub(crate) fn new(lanes: usize) -> Self {
        Self {
            started: Instant::now(),
            lanes: (0..lanes).map(|_| LaneCell::default()).collect(),
            totals: Totals::default(),
            notes: Mutex::new(Notes {
                breaker: "open",
                ..Notes::default()
            }),
        }
    }

    /// Everything at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let now = Instant::now();
        let notes = self.notes();
        Snapshot {
            lanes: self
                .lanes
                .iter()
                .map(|lane| lane.status(now, self.started))
                .collect(),
            in_flight: self
                .lanes
                .iter()
                .map(|lane| lane.holding.load(Ordering::Relaxed))
                .sum(),
            counts: self.counts(),
            last_settled: notes
                .last_settled
                .map(|at| now.saturating_duration_since(at)),
            breaker: notes.breaker,
            destination_problem: notes.destination.clone(),
            publish_problem: notes.publish_problems.values().next().cloned(),
            flood: notes.flood,
            paused: notes.paused,
            draining: notes.draining,
        }
    }

    /// Totals since the start.
    pub fn counts(&self) -> Counts {
        let read = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Counts {
            applied: read(&self.totals.applied),
            skipped: read(&self.totals.skipped),
            retried: read(&self.totals.retried),
            dead_lettered: read(&self.totals.dead_lettered),
            given_back: read(&self.totals.given_back),
            suspects: read(&self.totals.suspects),
            follow_ups: read(&self.totals.follow_ups),
        }
    }

    pub(crate) fn beat(&self, lane: usize) {
        if let Some(cell) = self.lanes.get(lane) {
            let age = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            cell.heartbeat.store(age, Ordering::Relaxed);
        }
    }

    pub(crate) fn consuming(&self, lane: usize, yes: bool) {
        if let Some(cell) = self.lanes.get(lane) {
            cell.consuming.store(usize::from(yes), Ordering::Relaxed);
        }
    }

    pub(crate) fn holding(&self, lane: usize, deliveries: usize) {
        if let Some(cell) = self.lanes.get(lane) {
            cell.holding.store(deliveries, Ordering::Relaxed);
        }
    }

    /// Whether no lane holds a delivery.
    pub(crate) fn holds_nothing(&self) -> bool {
        let mut lanes = self.lanes.iter();
        lanes.all(|lane| lane.holding.load(Ordering::Relaxed) == 0)
    }

    pub(crate) fn settled(&self) {
        self.notes().last_settled = Some(Instant::now());
    }

    pub(crate) fn add(&self, counts: Counts) {
        let add = |cell: &AtomicU64, n: u64| {
            cell.fetch_add(n, Ordering::Relaxed);
        };
        add(&self.totals.applied, counts.applied);
        add(&self.totals.skipped, counts.skipped);
        add(&self.totals.retried, counts.retried);
        add(&self.totals.dead_lettered, counts.dead_lettered);
        add(&self.totals.given_back, counts.given_back);
        add(&self.totals.suspects, counts.suspects);
        add(&self.totals.follow_ups, counts.follow_ups);
    }

    pub(crate) fn breaker(&self, state: &'static str, problem: Option<Failure>) {
        let mut notes = self.notes();
        notes.breaker = state;
        notes.destination = problem;
    }

    /// A place for the problem of one message.
    pub(crate) fn problem_cell(self: &Arc<Self>) -> ProblemCell {
        let mut notes = self.notes();
        notes.next_cell = notes.next_cell.saturating_add(1);
        ProblemCell {
            monitor: self.clone(),
            number: notes.next_cell,
        }
    }

    pub(crate) fn flood(&self, code: Option<ReasonCode>) {
        self.notes().flood = code;
    }

    pub(crate) fn paused(&self, paused: bool) {
        self.notes().paused = paused;
    }

    pub(crate) fn draining(&self) {
        self.notes().draining = true;
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Where the problem of one message stands. It is over when the cell is dropped: with the
/// confirm, but also where its lane has lost the channel and gives up on the message.
#[derive(Debug)]
pub(crate) struct ProblemCell {
    monitor: Arc<Monitor>,
    number: u64,
}

impl ProblemCell {
    pub(crate) fn set(&self, problem: PublishProblem) {
        let mut notes = self.monitor.notes();
        notes.publish_problems.insert(self.number, problem);
    }
}

impl Drop for ProblemCell {
    fn drop(&mut self) {
        self.monitor.notes().publish_problems.remove(&self.number);
    }
}

impl LaneCell {
    fn status(&self, now: Instant, started: Instant) -> LaneStatus {
        let beat = started + Duration::from_millis(self.heartbeat.load(Ordering::Relaxed));
        LaneStatus {
            heartbeat_age: now.saturating_duration_since(beat),
            consuming: self.consuming.load(Ordering::Relaxed) == 1,
        }
    }
}
