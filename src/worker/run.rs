//! Broker, codec, processor, engine and HTTP of one queue, from start to drained.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fanout_contract::Processor;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::until_empty::{self, UntilEmpty};
use super::{Worker, WorkerError};
use crate::broker::amqp::AmqpBroker;
use crate::broker::{Broker, BrokerStatus};
use crate::codec::Codec;
use crate::config::{Config, ConfigErrors, Origins};
use crate::engine::{Counts, Engine, EngineConfig, EngineError, Shutdown};
use crate::operate::{self, Vitals};
use crate::telemetry::log;
use crate::topology::Topology;

/// How often a start looks whether it is complete.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Worker {
    /// Consumes a queue from RabbitMQ until `shutdown` asks to drain, with health and metrics
    /// at `config.http`. With [`until_empty`](Worker::until_empty) it drains by itself.
    ///
    /// Dropping the future aborts: what was in flight is delivered again.
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub async fn run(
        &self,
        config: &Config,
        queue_key: &str,
        shutdown: Shutdown,
    ) -> Result<Counts, WorkerError> {
        let job = self.job(config, &Origins::default(), queue_key)?;
        self.run_job(config, job, shutdown).await
    }

    /// The same on another broker, which stays open.
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub async fn run_on(
        &self,
        broker: Arc<dyn Broker>,
        config: &Config,
        queue_key: &str,
        shutdown: Shutdown,
    ) -> Result<Counts, WorkerError> {
        let job = self.job(config, &Origins::default(), queue_key)?;
        let listener = listen(config).await?;
        self.consume(config, job, broker, listener, shutdown).await
    }

    /// Everything that can be told without a server.
    pub(super) fn job(
        &self,
        config: &Config,
        origins: &Origins,
        queue_key: &str,
    ) -> Result<Job, ConfigErrors> {
        let processor = self.build(config, origins, queue_key)?;
        let engine = EngineConfig::from_config(config, queue_key)
            .ok_or_else(|| self.unknown_queue(config, queue_key))?;
        Ok(Job { engine, processor })
    }

    pub(super) async fn run_job(
        &self,
        config: &Config,
        job: Job,
        shutdown: Shutdown,
    ) -> Result<Counts, WorkerError> {
        // First of all: where the address is taken nothing else should happen.
        let listener = listen(config).await?;
        let topology = Topology::from_config(config);
        let broker = Arc::new(AmqpBroker::start(config.broker.clone(), topology));
        let ended = self
            .consume(config, job, broker.clone(), listener, shutdown)
            .await;
        if !matches!(ended, Err(WorkerError::Aborted)) {
            broker.close().await;
        }
        ended
    }

    async fn consume(
        &self,
        config: &Config,
        job: Job,
        broker: Arc<dyn Broker>,
        listener: tokio::net::TcpListener,
        shutdown: Shutdown,
    ) -> Result<Counts, WorkerError> {
        let Job { engine, processor } = job;
        let (queue, lanes) = (engine.queue.clone(), engine.lanes);
        let codec = Arc::new(Codec::from_config(config));
        let engine = Engine::new(engine, broker.clone(), processor.clone(), codec);
        let vitals = Vitals {
            service: self.name,
            version: self.version,
            queue: queue.name.clone(),
            processor: processor.name().to_owned(),
            deadline: queue.deadline,
            monitor: engine.monitor(),
            broker: broker.status(),
        };
        operate::record_metrics();
        let http = listener.local_addr()?;
        let (started, _beside) = beside(&vitals, listener);
        log::worker_starts(&vitals, lanes, queue.effective_prefetch(), http);
        let emptied = self.until_empty.map(|stuck_after| UntilEmpty {
            broker: broker.clone(),
            monitor: vitals.monitor.clone(),
            queue: &queue,
            stuck_after,
        });
        let watching = until_empty::drain_when_empty(emptied, shutdown.clone());
        let engine = with_broker(broker.status(), shutdown.clone(), engine.run(shutdown));
        let (ended, emptied) = tokio::join!(engine, watching);
        log::worker_ended(&vitals.queue, vitals.monitor.counts());
        let started = started.load(Ordering::Relaxed);
        let counts =
            ended.map_err(|error| WorkerError::from_engine(error, processor.name(), started))?;
        emptied.map_err(WorkerError::Stuck).map(|()| counts)
    }
}

/// A queue and its processor, ready to start.
pub(super) struct Job {
    pub(super) engine: EngineConfig,
    pub(super) processor: Arc<dyn Processor>,
}

async fn listen(config: &Config) -> Result<tokio::net::TcpListener, WorkerError> {
    let addr = config.http.addr;
    let listener = operate::listen(&config.http).await;
    listener.map_err(|error| WorkerError::Listen { addr, error })
}

/// Runs the engine, and drains it when the broker is given up: lanes that wait for their
/// destination do not look at the broker.
async fn with_broker(
    mut status: watch::Receiver<BrokerStatus>,
    shutdown: Shutdown,
    engine: impl Future<Output = Result<Counts, EngineError>>,
) -> Result<Counts, EngineError> {
    tokio::pin!(engine);
    let fatal = async {
        match status.wait_for(|status| status.fatal.is_some()).await {
            Ok(status) => status.fatal.clone(),
            Err(_) => std::future::pending().await,
        }
    };
    let fatal = tokio::select! {
        ended = &mut engine => return ended,
        fatal = fatal => fatal,
    };
    shutdown.drain();
    let counts = engine.await?;
    fatal.map_or(Ok(counts), |error| Err(EngineError::Broker(error)))
}

/// What runs beside the engine and ends with it; and whether the start was ever complete.
fn beside(
    vitals: &Vitals,
    listener: tokio::net::TcpListener,
) -> (Arc<AtomicBool>, [AbortOnDropHandle<()>; 3]) {
    let started = Arc::new(AtomicBool::new(false));
    let serving = operate::serve(listener, operate::router(vitals.clone()));
    let tasks = [
        tokio::spawn(serving),
        tokio::spawn(operate::keep_metrics_small()),
        tokio::spawn(announce(vitals.clone(), started.clone())),
    ];
    (started, tasks.map(AbortOnDropHandle::new))
}

/// Says once that everything is there.
async fn announce(vitals: Vitals, started: Arc<AtomicBool>) {
    while !vitals.now().missing(&vitals.processor).is_empty() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    started.store(true, Ordering::Relaxed);
    log::worker_is_ready(&vitals.queue);
}
