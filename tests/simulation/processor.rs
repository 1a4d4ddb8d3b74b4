//! An idempotent processor that does what its events say, in a process that can be killed.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use fanout::broker::local::LocalBroker;
use fanout_contract::{
    Batch, Event, Failure, Outcome, Outcomes, Processor, ReasonCode, Remedy, SkipReason, codes,
};
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::events::{Deed, Payload};
use super::store::{Outage, Store};

pub const BAD: ReasonCode = ReasonCode::new("sim-bad");
pub const FLAKY: ReasonCode = ReasonCode::new("sim-flaky");

/// Longer than every deadline of a simulation.
const FOR_EVER: Duration = Duration::from_secs(100_000);

/// The life of one process.
#[derive(Clone, Debug)]
pub struct Life {
    broker: Arc<LocalBroker>,
    over: CancellationToken,
}

impl Life {
    pub fn new(broker: Arc<LocalBroker>) -> Self {
        let over = CancellationToken::new();
        Self { broker, over }
    }

    /// From now on nothing of the process reaches anybody.
    pub fn end(&self) {
        self.over.cancel();
        self.broker.kill();
    }

    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    pub async fn over(&self) {
        self.over.cancelled().await;
    }

    /// Goes on only while the process lives.
    async fn go_on(&self) {
        if self.is_over() {
            pending().await
        }
    }
}

#[derive(Debug)]
pub struct Simulated {
    store: Store,
    life: Life,
}

impl Simulated {
    pub fn new(store: Store, life: Life) -> Self {
        Self { store, life }
    }

    async fn call(&self, batch: &Batch) -> Result<Outcomes, Failure> {
        self.reach().await?;
        let events: Vec<_> = batch
            .iter()
            .map(|(slot, event)| (slot, event, event.decode::<Payload>()))
            .collect();
        self.note(&events);
        let together = self.store.inner().chances.crash_together;
        if events.len() > 1 && self.store.inner().strikes(together) {
            self.life.end();
        }
        self.life.go_on().await;
        for (_, event, payload) in &events {
            if let Ok(payload) = payload {
                self.fail_together(event, payload).await?;
            }
        }
        let mut outcomes = Outcomes::unsettled(batch);
        for (slot, event, payload) in events {
            match payload {
                Ok(payload) => self.one(slot, event, &payload, &mut outcomes),
                Err(failure) => outcomes.failed(slot, failure),
            }
        }
        self.answer(outcomes).await
    }

    fn note(&self, events: &[(usize, &Event, Result<Payload, Failure>)]) {
        let mut store = self.store.inner();
        store.calls.push(events.len());
        for (_, event, payload) in events {
            if let Ok(payload) = payload {
                let attempts = store.attempts.entry(payload.token.clone()).or_default();
                attempts.push((event.attempt(), tokio::time::Instant::now()));
            }
        }
    }

    /// The way to the destination and through it.
    async fn reach(&self) -> Result<(), Failure> {
        self.life.go_on().await;
        let (outage, latency) = {
            let mut store = self.store.inner();
            (store.outage_now(), store.latency())
        };
        match outage {
            Some(Outage::Refuses) => {
                let code = codes::DESTINATION_UNREACHABLE;
                return Err(Failure::unavailable(code, "connection refused"));
            }
            // sleep: paused clock; how long the simulated destination takes.
            Some(Outage::Stalls) => tokio::time::sleep(FOR_EVER).await,
            // sleep: paused clock; how long the simulated destination takes.
            Some(Outage::Crawls) | None => tokio::time::sleep(latency).await,
        }
        self.life.go_on().await;
        Ok(())
    }

    /// What one event does to the whole call.
    async fn fail_together(&self, event: &Event, payload: &Payload) -> Result<(), Failure> {
        let misbehaves = |times| self.store.inner().misbehaves(event.id().as_str(), times);
        match payload.deed {
            Deed::PermanentForAll => Err(Failure::permanent(BAD, "can never be applied")),
            Deed::TransientForAll { times } if misbehaves(times) => {
                Err(Failure::transient(FLAKY, "not just now"))
            }
            Deed::Panic { times } if misbehaves(times) => panic!("simulated panic"),
            Deed::Stall { times } if misbehaves(times) => {
                // sleep: paused clock; how long the simulated destination takes.
                tokio::time::sleep(FOR_EVER).await;
                Ok(())
            }
            Deed::Crash { times } if misbehaves(times) => {
                self.life.end();
                pending().await
            }
            _ => Ok(()),
        }
    }

    fn one(&self, slot: usize, event: &Event, payload: &Payload, outcomes: &mut Outcomes) {
        let mut store = self.store.inner();
        let id = event.id().as_str();
        match payload.deed {
            Deed::Skip => {
                store.skipped.insert(payload.token.clone());
                outcomes.skipped(slot, SkipReason::OlderVersion);
            }
            Deed::Permanent => outcomes.failed(slot, Failure::permanent(BAD, "never")),
            Deed::Transient { times } if store.misbehaves(id, times) => {
                outcomes.failed(slot, Failure::transient(FLAKY, "not just now"));
            }
            Deed::Unsettled { times } if store.misbehaves(id, times) => {}
            Deed::Contention { times } if store.misbehaves(id, times) => {
                let failure = Failure::unavailable(codes::CONTENTION, "another writer");
                outcomes.failed(slot, failure.with_remedy(Remedy::Yield));
            }
            deed => {
                let follow_ups = store.apply(id, &payload.token, deed);
                outcomes.set(slot, Outcome::Applied(follow_ups));
            }
        }
    }

    /// The way back.
    async fn answer(&self, outcomes: Outcomes) -> Result<Outcomes, Failure> {
        let (crash, lost, outage) = {
            let mut store = self.store.inner();
            let chances = store.chances;
            let crash = store.strikes(chances.crash);
            let lost = store.strikes(chances.lost_answer);
            (crash, lost, store.outage_now())
        };
        if crash {
            self.life.end();
            return pending().await;
        }
        if outage == Some(Outage::Crawls) {
            // sleep: paused clock; how long the simulated destination takes.
            tokio::time::sleep(FOR_EVER).await;
        }
        if lost {
            let code = codes::DESTINATION_UNREACHABLE;
            return Err(Failure::unavailable(code, "connection lost after commit"));
        }
        Ok(outcomes)
    }
}

impl Processor for Simulated {
    fn name(&self) -> &str {
        "simulated"
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.reach())
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(self.call(batch))
    }
}
