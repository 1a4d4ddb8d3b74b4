//! The destination of a simulation: a ledger that survives the crashes of its clients.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fanout_contract::FollowUp;
use tokio::time::Instant;

use super::events::{ALWAYS, Deed, follow_up_token};

/// How the destination is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Refuses every call.
    Refuses,
    /// Takes calls and does not answer.
    Stalls,
    /// Applies what it is given, after longer than any deadline.
    Crawls,
}

/// Chances of a call, 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chances {
    /// The process dies between the effect and the answer.
    pub crash: f64,
    /// The effect is there, the answer is lost.
    pub lost_answer: f64,
    /// Batches of more than one event are too much for the process: it dies.
    pub crash_together: f64,
}

/// What the ledger keeps of an event.
#[derive(Clone, Debug)]
pub struct Row {
    pub token: String,
    pub follow_ups: Vec<FollowUp>,
}

#[derive(Debug)]
pub struct Inner {
    rng: fastrand::Rng,
    pub chances: Chances,
    outage: Option<(Outage, Instant)>,
    /// By event id, in one step with the effect.
    pub ledger: BTreeMap<String, Row>,
    /// Effects by token: two ids for one event would show here.
    pub effects: BTreeMap<String, u32>,
    pub skipped: BTreeSet<String>,
    tries: BTreeMap<String, u32>,
    /// Events that came again after their effect.
    pub repeats: u64,
    /// Sizes of the batches of all calls.
    pub calls: Vec<usize>,
    /// Attempts as the events said, by token, with the time of the call.
    pub attempts: BTreeMap<String, Vec<(u32, Instant)>>,
}

/// Shared by every process of the world.
#[derive(Clone, Debug)]
pub struct Store(Arc<Mutex<Inner>>);

impl Store {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            rng: fastrand::Rng::with_seed(seed),
            chances: Chances::default(),
            outage: None,
            ledger: BTreeMap::new(),
            effects: BTreeMap::new(),
            skipped: BTreeSet::new(),
            tries: BTreeMap::new(),
            repeats: 0,
            calls: Vec::new(),
            attempts: BTreeMap::new(),
        })))
    }

    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Is away from now on for so long.
    pub fn outage(&self, outage: Outage, lasts: Duration) {
        self.inner().outage = Some((outage, Instant::now() + lasts));
    }

    /// Well again, and no more chances.
    pub fn heal(&self) {
        let mut inner = self.inner();
        inner.outage = None;
        inner.chances = Chances::default();
    }
}

impl Inner {
    pub fn outage_now(&self) -> Option<Outage> {
        let (outage, until) = self.outage?;
        (Instant::now() < until).then_some(outage)
    }

    pub fn latency(&mut self) -> Duration {
        Duration::from_millis(self.rng.u64(1..20))
    }

    pub fn strikes(&mut self, chance: f64) -> bool {
        chance > 0.0 && self.rng.f64() < chance
    }

    /// Counts a try of an event that misbehaves `times` times; whether it does now.
    pub fn misbehaves(&mut self, id: &str, times: u32) -> bool {
        if times == ALWAYS {
            return true;
        }
        let tries = self.tries.entry(id.to_owned()).or_default();
        *tries += 1;
        *tries <= times
    }

    /// Applies an event once, with what it leads to; answers what it led to the first time.
    pub fn apply(&mut self, id: &str, token: &str, deed: Deed) -> Vec<FollowUp> {
        if let Some(row) = self.ledger.get(id) {
            self.repeats += 1;
            return row.follow_ups.clone();
        }
        let count = match deed {
            Deed::FollowUps { count } => usize::from(count),
            _ => 0,
        };
        // The number in it is not repeatable: a repeat must answer what is stored.
        let salt = self.rng.u32(..);
        let follow_ups: Vec<_> = (0..count)
            .map(|index| {
                let payload = serde_json::json!({
                    "token": follow_up_token(token, index), "do": "apply", "salt": salt,
                });
                FollowUp::new("sim.follow-up", payload)
            })
            .collect();
        *self.effects.entry(token.to_owned()).or_default() += 1;
        let row = Row {
            token: token.to_owned(),
            follow_ups: follow_ups.clone(),
        };
        self.ledger.insert(id.to_owned(), row);
        follow_ups
    }
}
