//! A processor that answers as the test says, and remembers what it was asked.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use fanout_contract::{
    Batch, Event, Failure, FailureClass, Outcome, Outcomes, Processor, ReasonCode,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub const BAD: ReasonCode = ReasonCode::new("payload-invalid");
pub const BUSY: ReasonCode = ReasonCode::new("destination-unreachable");

pub fn permanent() -> Outcome {
    Outcome::Failed(Failure::permanent(BAD, "never"))
}

pub fn transient() -> Outcome {
    Outcome::Failed(Failure::transient(BAD, "not just now"))
}

/// An event as the processor saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub id: String,
    pub attempt: u32,
    pub at: Instant,
}

type Verdict = dyn Fn(&Event) -> Outcome + Send + Sync;

/// Answers each event by a function.
pub struct Fake {
    verdict: Box<Verdict>,
    /// Fails the whole call where one event fails, as a database does with a transaction.
    all_or_nothing: bool,
    /// One permit a call.
    gate: Option<Semaphore>,
    calls: Mutex<Vec<Vec<Seen>>>,
    applied: Mutex<Vec<String>>,
}

impl Fake {
    pub fn new(verdict: impl Fn(&Event) -> Outcome + Send + Sync + 'static) -> Self {
        Self {
            verdict: Box::new(verdict),
            all_or_nothing: false,
            gate: None,
            calls: Mutex::default(),
            applied: Mutex::default(),
        }
    }

    /// Applies everything.
    pub fn applies() -> Arc<Self> {
        Arc::new(Self::new(|_| Outcome::applied()))
    }

    pub fn all_or_nothing(mut self) -> Self {
        self.all_or_nothing = true;
        self
    }

    /// Calls wait until [`Fake::let_pass`].
    pub fn gated(mut self) -> Self {
        self.gate = Some(Semaphore::new(0));
        self
    }

    pub fn let_pass(&self, calls: usize) {
        self.gate.as_ref().unwrap().add_permits(calls);
    }

    /// Events of each call.
    pub fn calls(&self) -> Vec<Vec<Seen>> {
        self.calls.lock().unwrap().clone()
    }

    /// Every sight of this event, in order.
    pub fn seen(&self, id: &str) -> Vec<Seen> {
        let calls = self.calls();
        let all = calls.into_iter().flatten();
        all.filter(|seen| seen.id == id).collect()
    }

    /// Ids in the order they were applied, each as often as it was.
    pub fn applied(&self) -> Vec<String> {
        self.applied.lock().unwrap().clone()
    }

    /// How often each (id, attempt) was seen.
    pub fn sights(&self) -> BTreeMap<(String, u32), u32> {
        let mut sights = BTreeMap::new();
        for seen in self.calls().into_iter().flatten() {
            *sights.entry((seen.id, seen.attempt)).or_default() += 1;
        }
        sights
    }

    fn answer(&self, batch: &Batch) -> Result<Outcomes, Failure> {
        let mut outcomes = Outcomes::unsettled(batch);
        let mut applied = Vec::new();
        for (slot, event) in batch.iter() {
            let outcome = (self.verdict)(event);
            match &outcome {
                Outcome::Applied(_) => applied.push(event.id().to_string()),
                Outcome::Failed(f) if self.all_or_nothing => return Err(f.clone()),
                Outcome::Failed(f) if f.class() == FailureClass::Unavailable => {}
                _ => {}
            }
            outcomes.set(slot, outcome);
        }
        self.applied.lock().unwrap().extend(applied);
        Ok(outcomes)
    }
}

impl Processor for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        async move {
            let seen = |(_, event): (usize, &Event)| Seen {
                id: event.id().to_string(),
                attempt: event.attempt(),
                at: Instant::now(),
            };
            self.calls
                .lock()
                .unwrap()
                .push(batch.iter().map(seen).collect());
            if let Some(gate) = &self.gate {
                gate.acquire().await.unwrap().forget();
            }
            self.answer(batch)
        }
        .boxed()
    }

    fn concurrency(&self) -> Option<NonZeroUsize> {
        self.gate.as_ref().and(NonZeroUsize::new(1))
    }
}
