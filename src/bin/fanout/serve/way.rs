//! Where accepted events go: to RabbitMQ, or in direct mode to the processors in this program.

use std::sync::Arc;

use fanout::broker::Purge;
use fanout::broker::amqp::AmqpBroker;
use fanout::config::{Loaded, UseRabbitmq};
use fanout::engine::Monitor;
use fanout::operate::whereabouts::Stores;
use fanout::topology::Topology;

use crate::exit::{CommandError, Exit};
use crate::in_process::InProcess;
use crate::stores;

/// Between two looks whether a queue of this program has ended.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(200);

/// The broker, and what is at work behind it in this program.
pub(super) struct Way {
    pub(super) broker: Arc<dyn Purge>,
    within: Option<InProcess>,
}

impl Way {
    pub(super) async fn open(loaded: &Loaded) -> Result<Self, CommandError> {
        let config = &loaded.config;
        if config.broker.use_rabbitmq == UseRabbitmq::False {
            let within = InProcess::open(loaded).await?;
            tracing::info!(dir = %config.broker.local_dir.display(), waiting = within.direct.waiting(), "events are projected in this process, without RabbitMQ");
            return Ok(Self {
                broker: Arc::new(within.server.connect()),
                within: Some(within),
            });
        }
        let topology = Topology::from_config(config);
        let broker = AmqpBroker::start(config.broker.clone(), topology);
        Ok(Self {
            broker: Arc::new(broker),
            within: None,
        })
    }

    /// The queues that this program takes to their processors, for health.
    pub(super) fn destinations(&self) -> Vec<(String, Arc<Monitor>)> {
        let queues = self.within.iter().flat_map(|within| within.direct.queues());
        queues
            .map(|queue| (queue.key().to_owned(), queue.monitor().clone()))
            .collect()
    }

    /// The stores of the queues: in direct mode those that this program writes to.
    pub(super) fn stores(&self, loaded: &Loaded) -> Stores {
        let Some(within) = &self.within else {
            return stores::of(loaded);
        };
        let queues = within.direct.queues().iter();
        queues.fold(Stores::new(), |stores, queue| {
            stores.with(queue.key(), Some(queue.processor().clone()))
        })
    }

    /// Resolves when a queue of this program has ended by itself; its error comes at the close.
    pub(super) async fn ended(&self) -> CommandError {
        let Some(within) = &self.within else {
            return std::future::pending().await;
        };
        while !within.direct.has_ended() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        CommandError::new(Exit::RunTime, "a queue in this process has ended")
    }

    /// Settles what is in flight in this program.
    pub(super) async fn close(self) -> Result<(), CommandError> {
        match self.within {
            Some(within) => within.drain().await.0.map(drop),
            None => Ok(()),
        }
    }
}
