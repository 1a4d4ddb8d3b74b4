//! The breaker and the flood guard that all lanes of a destination share, and its probe.
//!
//! Lanes ask for admission before they consume, and report every answer. While the passage
//! is shut nobody holds a delivery.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fanout_contract::{Applied, EventId, Failure, FailureClass, Processor, ReasonCode, Remedy};
use tokio::sync::watch;
use tokio::time::Instant;

use super::guarded::guarded;
use super::monitor::Monitor;
use crate::config::{BreakerConfig, FloodGuardConfig};
use crate::recovery::{Breaker, BreakerState, FloodGuard};
use crate::telemetry::{Outages, log};

/// Events that have to pass one by one after a pause of the flood guard. Each redelivery of a
/// window counts towards crash suspects, so that it has to be worth it; by chance three pass
/// in one of eight half-bad floods, and hardly ever in a worse one.
const FLOOD_TRIALS: usize = 3;
/// A destination that nobody has asked for so long is asked how it is, while the worker holds no
/// event: health and readiness shall not tell of a time long past.
const QUIET: Duration = Duration::from_secs(30);
/// The same for one that was away: nothing else tells that it is back where no event comes.
const QUIET_AND_AWAY: Duration = Duration::from_secs(5);
/// The id that it is asked for then; no event needs to have it.
const NOBODYS: &str = "fanout-look";

/// How a lane may consume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// As configured.
    Full,
    /// One event, to see whether the destination is well again.
    Trial,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    Shut,
    /// One lane may try; the next one waits for what it learns.
    Trial {
        taken: bool,
    },
    Open,
}

#[derive(Debug)]
struct Inner {
    breaker: Breaker,
    flood: FloodGuard,
    flood_pause: Duration,
    flooded_until: Option<Instant>,
    /// Events that still have to pass alone since the last pause.
    flood_trials: usize,
    trial_taken: bool,
    problem: Option<Failure>,
    /// When it was asked last, for whatever.
    heard: Instant,
    /// By an operator; not known before the broker has answered.
    paused: Option<bool>,
}

/// What lanes know in common about the store they write to.
#[derive(Debug)]
pub(super) struct Destination {
    /// The queue whose events go there.
    queue: String,
    inner: Mutex<Inner>,
    passage: watch::Sender<Passage>,
    monitor: Arc<Monitor>,
    away: Outages,
    open: Outages,
}

impl Destination {
    pub(super) fn new(
        queue: String,
        breaker: BreakerConfig,
        flood: FloodGuardConfig,
        monitor: Arc<Monitor>,
    ) -> Self {
        let inner = Inner {
            breaker: Breaker::unprobed(breaker, Instant::now()),
            flood_pause: flood.pause,
            flood: FloodGuard::new(flood),
            flooded_until: None,
            flood_trials: 0,
            trial_taken: false,
            problem: None,
            heard: Instant::now(),
            paused: None,
        };
        Self {
            queue,
            inner: Mutex::new(inner),
            passage: watch::Sender::new(Passage::Shut),
            monitor,
            away: Outages::default(),
            open: Outages::default(),
        }
    }

    /// An operator wants the queue to rest, or to go on.
    pub(super) fn pause(&self, paused: bool) {
        let mut inner = self.inner();
        match (inner.paused.replace(paused), paused) {
            (Some(before), now) if before == now => return,
            (_, true) => log::rests(&self.queue),
            (Some(true), false) => log::goes_on(&self.queue),
            _ => {}
        }
        inner.trial_taken = false;
        self.monitor.paused(paused);
        self.publish(&inner);
    }

    /// Takes an admission where there is one now.
    pub(super) fn try_admit(&self) -> Option<Admission> {
        let mut inner = self.inner();
        let admission = match inner.passage() {
            Passage::Open => Some(Admission::Full),
            Passage::Trial { taken: false } => {
                inner.trial_taken = true;
                Some(Admission::Trial)
            }
            Passage::Trial { taken: true } | Passage::Shut => None,
        };
        self.publish(&inner);
        admission
    }

    /// Whether a lane that was admitted like this has to stop consuming.
    pub(super) fn revoked(&self, admission: Admission) -> bool {
        match admission {
            Admission::Full => *self.passage.borrow() != Passage::Open,
            Admission::Trial => *self.passage.borrow() != Passage::Trial { taken: true },
        }
    }

    /// Whether nothing may pass, not even a single event as a trial.
    pub(super) fn is_shut(&self) -> bool {
        *self.passage.borrow() == Passage::Shut
    }

    /// Resolves with the next change of the passage. Cancel-safe.
    pub(super) fn changes(&self) -> watch::Receiver<impl Sized + use<>> {
        self.passage.subscribe()
    }

    /// The trial is over without an answer: another lane may try.
    pub(super) fn trial_ended(&self) {
        let mut inner = self.inner();
        inner.trial_taken = false;
        self.publish(&inner);
    }

    /// The destination has answered about data.
    pub(super) fn answered(&self) {
        let mut inner = self.inner();
        inner.heard = Instant::now();
        if inner.breaker.state() == BreakerState::Closed && inner.problem.is_none() {
            return;
        }
        inner.breaker.succeeded();
        if inner.breaker.state() == BreakerState::Closed {
            inner.problem = None;
            self.is_well();
        }
        self.publish(&inner);
    }

    fn is_well(&self) {
        if let Some(told) = self.away.over("") {
            log::destination_back(&self.queue, told);
        }
        if let Some(told) = self.open.over("") {
            log::breaker_closes(&self.queue, told);
        }
    }

    /// Tells of a failure that stands in the breaker by now.
    fn is_unwell(&self, inner: &Inner, failure: &Failure) {
        let state = inner.breaker.state();
        if let Some(told) = self.away.failed("") {
            log::destination_away(&self.queue, failure, state.as_str(), told);
        }
    }

    /// The destination was unavailable. Contention is not: other writers make progress.
    pub(super) fn unavailable(&self, failure: &Failure) {
        if failure.remedy() == Remedy::Yield {
            return;
        }
        let (mut inner, now) = (self.inner(), Instant::now());
        let before = inner.breaker.state();
        inner.heard = now;
        inner.breaker.unavailable(now);
        self.is_unwell(&inner, failure);
        if before == BreakerState::Closed
            && inner.breaker.state() != before
            && let Some(told) = self.open.failed("")
        {
            log::breaker_opens(&self.queue, failure.code(), told);
        }
        inner.problem = Some(failure.clone());
        self.publish(&inner);
    }

    /// Notes what events would be dead-lettered with; `Some` = it is a flood, pause.
    pub(super) fn observe(
        &self,
        codes: impl Iterator<Item = Option<ReasonCode>>,
    ) -> Option<ReasonCode> {
        let mut inner = self.inner();
        let codes: Vec<_> = codes.inspect(|code| inner.flood.observe(*code)).collect();
        // What was seen before the pause is no reason to pause again for events that pass.
        let flooding = inner.flood.flooding();
        let Some(code) = flooding.filter(|code| codes.contains(&Some(*code))) else {
            self.passed(&mut inner, codes.len());
            return None;
        };
        inner.flooded_until = Some(Instant::now() + inner.flood_pause);
        inner.flood_trials = FLOOD_TRIALS;
        inner.trial_taken = false;
        self.monitor.flood(Some(code));
        log::flood(&self.queue, code, inner.flood_pause);
        self.publish(&inner);
        Some(code)
    }

    /// So many events came through since a pause of the flood guard.
    fn passed(&self, inner: &mut Inner, events: usize) {
        if inner.flood_trials > 0 && inner.flooded_until.is_none() {
            inner.flood_trials = inner.flood_trials.saturating_sub(events);
            self.publish(inner);
        }
    }

    /// Probes while the breaker is open, asks where nothing is heard, and lifts pauses. Runs as
    /// long as the engine.
    ///
    /// Returns only where the very first `prepare` fails for good: a configuration error.
    pub(super) async fn watch_over(
        &self,
        processor: &dyn Processor,
        deadline: Duration,
    ) -> Failure {
        let mut changes = self.changes();
        let mut first = true;
        loop {
            let wake = self.next_wake();
            let now = Instant::now();
            match wake {
                Some(Wake::Probe(at)) if at <= now => {
                    match guarded(deadline, processor.prepare()).await {
                        Ok(()) => self.probed(processor.name(), std::mem::take(&mut first)),
                        Err(failure) if first && failure.class() == FailureClass::Permanent => {
                            return failure;
                        }
                        Err(failure) => self.probe_failed(failure),
                    }
                }
                Some(Wake::Lift(at)) if at <= now => self.lift(),
                Some(Wake::Look(at)) if at <= now => self.look(processor, deadline).await,
                Some(Wake::Probe(at) | Wake::Lift(at) | Wake::Look(at)) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(at) => {}
                        _ = changes.changed() => {}
                    }
                }
                None => drop(changes.changed().await),
            }
        }
    }

    fn next_wake(&self) -> Option<Wake> {
        let inner = self.inner();
        match (inner.breaker.state(), inner.flooded_until) {
            (BreakerState::Open { until }, _) => Some(Wake::Probe(until)),
            (_, Some(until)) => Some(Wake::Lift(until)),
            // who pauses may be about to restore it: leave it alone
            _ if inner.paused != Some(false) => None,
            _ if inner.problem.is_some() => Some(Wake::Look(inner.heard + QUIET_AND_AWAY)),
            _ => Some(Wake::Look(inner.heard + QUIET)),
        }
    }

    /// Asks how it is, by the least of all questions. While events are held they tell it better.
    async fn look(&self, processor: &dyn Processor, deadline: Duration) {
        if self.monitor.holds_nothing() {
            let nobodys = [EventId::new(NOBODYS)];
            match guarded(deadline, processor.applied(&nobodys)).await {
                Ok(told) if self.monitor.holds_nothing() => self.told(&told),
                Err(failure) if failure.class() == FailureClass::Unavailable => {
                    self.unavailable(&failure);
                }
                Ok(_) | Err(_) => {}
            }
        }
        self.inner().heard = Instant::now();
    }

    /// Who cannot tell has not been asked; its probe has succeeded where the breaker is half
    /// open, and has to do where no event comes to try it.
    fn told(&self, told: &Applied) {
        let half_open = self.inner().breaker.state() == BreakerState::HalfOpen;
        if half_open || matches!(told, Applied::Told(_)) {
            self.answered();
        }
    }

    fn probed(&self, destination: &str, first: bool) {
        let mut inner = self.inner();
        inner.heard = Instant::now();
        inner.breaker.probe_succeeded(first);
        inner.trial_taken = false;
        if first {
            inner.problem = None;
            self.is_well();
            log::destination_is_ready(&self.queue, destination);
        }
        self.publish(&inner);
    }

    fn probe_failed(&self, failure: Failure) {
        let mut inner = self.inner();
        inner.breaker.probe_failed(Instant::now());
        self.is_unwell(&inner, &failure);
        inner.problem = Some(failure);
        self.publish(&inner);
    }

    fn lift(&self) {
        let mut inner = self.inner();
        inner.flooded_until = None;
        log::flood_over(&self.queue);
        self.monitor.flood(None);
        self.publish(&inner);
    }

    fn publish(&self, inner: &Inner) {
        self.monitor
            .breaker(inner.breaker.state().as_str(), inner.problem.clone());
        let passage = inner.passage();
        self.passage.send_if_modified(|current| {
            let changed = *current != passage;
            *current = passage;
            changed
        });
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Wake {
    Probe(Instant),
    Lift(Instant),
    Look(Instant),
}

impl Inner {
    fn passage(&self) -> Passage {
        match self.breaker.state() {
            _ if self.paused != Some(false) => Passage::Shut,
            _ if self.flooded_until.is_some() => Passage::Shut,
            BreakerState::Closed if self.flood_trials == 0 => Passage::Open,
            BreakerState::Closed | BreakerState::HalfOpen => Passage::Trial {
                taken: self.trial_taken,
            },
            BreakerState::Open { .. } => Passage::Shut,
        }
    }
}

#[cfg(test)]
#[path = "destination_tests.rs"]
mod tests;
