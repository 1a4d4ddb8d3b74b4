//! A worker process on the local broker that can be drained, or killed.

use std::sync::Arc;

use fanout_contract::Processor;
use tokio::task::JoinHandle;

use crate::broker::Broker;
use crate::broker::local::LocalBroker;
use crate::codec::Codec;
use crate::config::Config;
use crate::engine::{Counts, Engine, EngineConfig, EngineError, Monitor, Shutdown};

/// A running engine with a connection of its own, as a worker process has it. Dropping it
/// leaves it running, as a handle of a task does.
#[derive(Debug)]
pub struct Process {
    broker: Arc<LocalBroker>,
    shutdown: Shutdown,
    monitor: Arc<Monitor>,
    task: JoinHandle<Result<Counts, EngineError>>,
    /// Kept, since a task answers only once.
    ended: Option<Result<Counts, EngineError>>,
}

impl Process {
    /// Starts one for the queue with this key; `None` where the configuration has no such
    /// queue. Must be called inside a tokio runtime.
    pub fn start(
        broker: Arc<LocalBroker>,
        config: &Config,
        queue_key: &str,
        processor: Arc<dyn Processor>,
    ) -> Option<Self> {
        let engine = EngineConfig::from_config(config, queue_key)?;
        let codec = Arc::new(Codec::new(config.codec.clone()));
        let engine = Engine::new(engine, broker.clone(), processor, codec);
        let (monitor, shutdown) = (engine.monitor(), Shutdown::new());
        let task = tokio::spawn(engine.run(shutdown.clone()));
        Some(Self {
            broker,
            shutdown,
            monitor,
            task,
            ended: None,
        })
    }

    /// Its connection.
    pub fn broker(&self) -> &Arc<LocalBroker> {
        &self.broker
    }

    /// Its signals.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// What its engine lets others see.
    pub fn monitor(&self) -> &Arc<Monitor> {
        &self.monitor
    }

    /// Whether its engine has ended.
    pub fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// `kill -9`: nothing is said to anybody; what it held comes again.
    pub fn kill(self) {
        self.broker.kill();
        self.task.abort();
    }

    /// Waits for its end, then closes the connection. May be dropped at any await and asked
    /// again. A panic of the engine itself goes on here.
    ///
    /// # Errors
    /// What the engine ended with.
    pub async fn ended(&mut self) -> Result<Counts, EngineError> {
        let ended = match self.ended.take() {
            Some(ended) => ended,
            None => match (&mut self.task).await {
                Ok(ended) => ended,
                Err(error) if error.is_panic() => {
                    std::panic::resume_unwind(error.into_panic());
                }
                Err(_) => Err(EngineError::Aborted),
            },
        };
        self.ended = Some(ended.clone());
        self.broker.close().await;
        ended
    }

    /// SIGTERM, and the end of it.
    ///
    /// # Errors
    /// As [`ended`](Self::ended).
    pub async fn drain(mut self) -> Result<Counts, EngineError> {
        self.shutdown.drain();
        self.ended().await
    }
}
