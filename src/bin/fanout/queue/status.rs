//! What is known of a queue and its stages.

use fanout::broker::{Broker, BrokerError};
use fanout::config::{Config, QueueConfig};
use fanout::topology::names;
use serde::Serialize;
use std::collections::BTreeMap;

use super::management::{Rates, Statistics};

/// A configured queue with all that belongs to it. `None` = not known; a depth is unknown
/// where the queue does not exist at the broker.
#[derive(Debug, Serialize)]
pub(super) struct QueueStatus {
    pub(super) queue: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) queue_type: &'static str,
    pub(super) messages: Option<u64>,
    pub(super) messages_ready: Option<u64>,
    pub(super) messages_unacknowledged: Option<u64>,
    pub(super) consumers: Option<u32>,
    pub(super) rates: Option<Rates>,
    pub(super) retry: BTreeMap<String, Option<u64>>,
    pub(super) suspects: Option<u64>,
    pub(super) dead_letter_queue: String,
    pub(super) dead_letters: Option<u64>,
}

impl QueueStatus {
    pub(super) async fn ask(
        broker: &dyn Broker,
        statistics: &Statistics,
        key: &str,
        config: &QueueConfig,
    ) -> Result<Self, BrokerError> {
        let main = broker.depth(&config.name).await?;
        let mut retry = BTreeMap::new();
        for delay in config.retry_delays.iter().filter(|delay| !delay.is_zero()) {
            let ready = ready(broker, &names::retry(&config.name, *delay)).await?;
            retry.insert(names::delay_label(*delay), ready);
        }
        let known = statistics.of(&config.name);
        Ok(Self {
            queue: key.to_owned(),
            name: config.name.clone(),
            queue_type: config.queue_type.as_str(),
            messages: known.map(|queue| queue.messages),
            messages_ready: main.map(|depth| depth.ready),
            messages_unacknowledged: known.map(|queue| queue.messages_unacknowledged),
            consumers: main.map(|depth| depth.consumers),
            rates: known.map(|queue| queue.rates),
            retry,
            suspects: ready(broker, &names::suspect(&config.name)).await?,
            dead_letter_queue: config.dead_letter.clone(),
            dead_letters: ready(broker, &config.dead_letter).await?,
        })
    }

    /// All configured queues in the order of their keys.
    pub(super) async fn ask_all(
        broker: &dyn Broker,
        statistics: &Statistics,
        config: &Config,
    ) -> Result<Vec<Self>, BrokerError> {
        let mut all = Vec::new();
        for (key, queue) in &config.queues {
            all.push(Self::ask(broker, statistics, key, queue).await?);
        }
        Ok(all)
    }

    /// Messages in all retry stages; unknown where one of them is.
    pub(super) fn retrying(&self) -> Option<u64> {
        self.retry.values().copied().sum()
    }
}

async fn ready(broker: &dyn Broker, queue: &str) -> Result<Option<u64>, BrokerError> {
    Ok(broker.depth(queue).await?.map(|depth| depth.ready))
}
