//! Starts the lanes of an engine, watches over them and drains them.

use std::sync::Arc;
use std::time::Duration;

use fanout_contract::{Failure, Processor};
use tokio::sync::{RwLock, Semaphore};
use tokio::task::JoinSet;

use super::alone::Alone;
use super::destination::Destination;
use super::monitor::{Counts, Monitor};
use super::shared::{EngineConfig, Shared, Trouble};
use super::shutdown::Shutdown;
use super::{lane, pause, suspects};
use crate::broker::{Broker, BrokerError};
use crate::codec::Codec;

/// Deadline of a processor's `close`.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// Takes the events of one queue through one processor.
pub struct Engine {
    shared: Arc<Shared>,
}

/// Why an engine ended before its time.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// The destination refuses for good: a configuration error.
    #[error("the destination is not usable: {0}")]
    Prepare(Failure),
    /// The broker refuses for good.
    #[error(transparent)]
    Broker(BrokerError),
    /// Not everything could be settled in time; the broker delivers it again.
    #[error(
        "drain deadline passed with {unsettled} events unsettled; they will be delivered again"
    )]
    DrainDeadline {
        /// Deliveries held at that moment.
        unsettled: usize,
    },
    /// A second signal.
    #[error("aborted; what was in flight will be delivered again")]
    Aborted,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("queue", &self.shared.queue())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine that has not started.
    pub fn new(
        config: EngineConfig,
        broker: Arc<dyn Broker>,
        processor: Arc<dyn Processor>,
        codec: Arc<Codec>,
    ) -> Self {
        let monitor = Arc::new(Monitor::new(config.lanes));
        let all = config
            .lanes
            .saturating_mul(config.queue.in_flight.max(1))
            .saturating_add(1);
        let turns = processor
            .concurrency()
            .map_or(all, |most| most.get().min(all));
        let (breaker, flood_guard) = (config.breaker.clone(), config.flood_guard.clone());
        let shared = Shared {
            destination: Destination::new(
                config.queue.name.clone(),
                breaker,
                flood_guard,
                monitor.clone(),
            ),
            config,
            broker,
            processor,
            codec,
            monitor,
            turns: Arc::new(Semaphore::new(turns)),
            solitude: Arc::new(RwLock::new(())),
            alone: Alone::default(),
            trouble: Trouble::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// What the engine lets others see, before, while and after it runs.
    pub fn monitor(&self) -> Arc<Monitor> {
        self.shared.monitor.clone()
    }

    /// Runs until `shutdown` asks to drain and everything is settled. Dropping the future
    /// aborts: what was in flight is delivered again.
    ///
    /// # Errors
    /// See [`EngineError`]. The processor is closed in every case but an abort.
    pub async fn run(self, shutdown: Shutdown) -> Result<Counts, EngineError> {
        let shared = self.shared;
        let ended = tokio::select! {
            biased;
            () = shutdown.aborted() => Err(EngineError::Aborted),
            ended = run_lanes(&shared, &shutdown) => ended,
            () = drain_deadline(&shared, &shutdown) => {
                let unsettled = shared.monitor.snapshot().in_flight;
                Err(EngineError::DrainDeadline { unsettled })
            }
        };
        if !matches!(ended, Err(EngineError::Aborted)) {
            let _ = tokio::time::timeout(CLOSE_DEADLINE, shared.processor.close()).await;
        }
        ended.map(|()| shared.monitor.counts())
    }
}

async fn drain_deadline(shared: &Shared, shutdown: &Shutdown) {
    shutdown.draining().await;
    shared.monitor.draining();
    tokio::time::sleep(shared.config.drain_deadline).await;
}

/// Runs all lanes; the first that fails for good ends the others.
async fn run_lanes(shared: &Arc<Shared>, shutdown: &Shutdown) -> Result<(), EngineError> {
    let mut lanes = JoinSet::new();
    for index in 0..shared.config.lanes {
        lanes.spawn(lane::run(shared.clone(), index, shutdown.clone()));
    }
    lanes.spawn(suspects::run(shared.clone(), shutdown.clone()));
    let watch = shared
        .destination
        .watch_over(shared.processor.as_ref(), shared.config.queue.deadline);
    let pause = pause::watch(shared);
    tokio::pin!(watch, pause);
    let mut failed = None;
    loop {
        let error = tokio::select! {
            ended = lanes.join_next() => match ended {
                None => return failed.map_or(Ok(()), Err),
                Some(Ok(Ok(()))) => continue,
                Some(Ok(Err(error))) => EngineError::Broker(error),
                Some(Err(join)) => {
                    EngineError::Broker(BrokerError::ChannelClosed(format!("a lane ended: {join}")))
                }
            },
            () = &mut pause => continue,
            failure = &mut watch, if failed.is_none() => EngineError::Prepare(failure),
        };
        shutdown.drain();
        failed.get_or_insert(error);
    }
}
