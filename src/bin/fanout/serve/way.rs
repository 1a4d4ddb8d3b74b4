//! Where accepted events go: to RabbitMQ, to the processors in this program (direct mode), or
//! to both (parallel mode).

use std::sync::Arc;

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, Purge};
use fanout::config::{Loaded, UseRabbitmq};
use fanout::engine::Monitor;
use fanout::operate::whereabouts::Stores;
use fanout::publish::{Both, Intake, Publisher};
use fanout::telemetry::log;
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
    /// The broker inside, where events go there as well.
    as_well: Option<Arc<dyn Broker>>,
}

impl Way {
    pub(super) async fn open(loaded: &Loaded) -> Result<Self, CommandError> {
        let config = &loaded.config;
        let dir = &config.broker.local_dir;
        let within = match config.broker.use_rabbitmq {
            UseRabbitmq::True => left_over(loaded).await,
            UseRabbitmq::False | UseRabbitmq::Parallel => Some(InProcess::open(loaded).await?),
        };
        let waiting = within.as_ref().map_or(0, |within| within.direct.waiting());
        let inside = within.as_ref().map(|within| within.server.connect());
        let as_well = match (config.broker.use_rabbitmq, inside) {
            (UseRabbitmq::False, Some(inside)) => {
                log::projects_alone(dir, waiting);
                return Ok(Self {
                    broker: Arc::new(inside),
                    within,
                    as_well: None,
                });
            }
            (UseRabbitmq::Parallel, Some(inside)) => {
                log::projects_as_well(dir, waiting);
                Some(Arc::new(inside) as Arc<dyn Broker>)
            }
            _ => None,
        };
        let topology = Topology::from_config(config);
        let broker = AmqpBroker::start(config.broker.clone(), topology);
        Ok(Self {
            broker: Arc::new(broker),
            within,
            as_well,
        })
    }

    /// Where events are given.
    pub(super) fn intake(&self, publisher: Arc<Publisher>) -> Arc<dyn Intake> {
        match &self.as_well {
            Some(inside) => Arc::new(Both::new(inside.clone(), publisher)),
            None => publisher,
        }
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

/// What a time without RabbitMQ has left over is projected here, whatever the mode is now.
async fn left_over(loaded: &Loaded) -> Option<InProcess> {
    let dir = &loaded.config.broker.local_dir;
    // opening would make it
    if !dir.exists() {
        return None;
    }
    let within = match InProcess::open(loaded).await {
        Ok(within) => within,
        Err(error) => {
            log::leftover_stays(dir, &error.message());
            return None;
        }
    };
    let waiting = within.direct.waiting();
    if waiting == 0 {
        let _ = within.drain().await;
        return None;
    }
    log::projects_leftover(dir, waiting);
    Some(within)
}
