//! Broker, codec, processor and engine of one queue, from start to drained.

use std::sync::Arc;

use fanout_contract::Processor;

use super::{Worker, WorkerError};
use crate::broker::Broker;
use crate::broker::amqp::AmqpBroker;
use crate::codec::Codec;
use crate::config::{Config, ExchangeKind, Origins};
use crate::engine::{Counts, Engine, EngineConfig, Shutdown};
use crate::topology::Topology;

impl Worker {
    /// Consumes a queue from RabbitMQ until `shutdown` asks to drain.
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
        let processor = self.build(config, &Origins::default(), queue_key)?;
        self.run_with(config, queue_key, processor, shutdown).await
    }

    pub(super) async fn run_with(
        &self,
        config: &Config,
        queue_key: &str,
        processor: Arc<dyn Processor>,
        shutdown: Shutdown,
    ) -> Result<Counts, WorkerError> {
        let topology = Topology::from_config(config);
        let broker = Arc::new(AmqpBroker::start(config.broker.clone(), topology));
        let ended = self
            .run_on(config, queue_key, processor, broker.clone(), shutdown)
            .await;
        if !matches!(ended, Err(WorkerError::Aborted)) {
            broker.close().await;
        }
        ended
    }

    async fn run_on(
        &self,
        config: &Config,
        queue_key: &str,
        processor: Arc<dyn Processor>,
        broker: Arc<dyn Broker>,
        shutdown: Shutdown,
    ) -> Result<Counts, WorkerError> {
        let Some(engine) = EngineConfig::from_config(config, queue_key) else {
            return Err(self.unknown_queue(config, queue_key).into());
        };
        let (queue, lanes) = (engine.queue.name.clone(), engine.lanes);
        let name = processor.name().to_owned();
        let codec = Arc::new(codec(config));
        let engine = Engine::new(engine, broker, processor, codec);
        let monitor = engine.monitor();
        tracing::info!(queue, lanes, processor = name, "worker started");
        let ended = engine.run(shutdown).await;
        let counts = monitor.counts();
        tracing::info!(
            queue,
            applied = counts.applied,
            skipped = counts.skipped,
            retried = counts.retried,
            dead_lettered = counts.dead_lettered,
            "worker ended"
        );
        let started = counts != Counts::default();
        ended.map_err(|error| WorkerError::from_engine(error, &name, started))
    }
}

/// The codec of this configuration: routing keys mean kinds on topic exchanges only.
fn codec(config: &Config) -> Codec {
    let topics = config
        .exchanges
        .iter()
        .filter(|exchange| exchange.kind == ExchangeKind::Topic)
        .map(|exchange| exchange.name.clone());
    Codec::new(config.codec.clone()).with_topic_exchanges(topics)
}
