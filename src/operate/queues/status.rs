//! What is known of a queue and its stages.

use serde::Serialize;
use std::collections::BTreeMap;

use super::management::{Rates, Statistics};
use super::pause::is_paused;
use crate::broker::{Broker, BrokerError};
use crate::config::{Config, QueueConfig};
use crate::topology::names;

/// A configured queue with all that belongs to it. `None` = not known; a depth is unknown
/// where the queue does not exist at the broker.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueueStatus {
    /// Key in the configuration.
    pub queue: String,
    /// Name at the broker.
    pub name: String,
    /// Queue type.
    #[serde(rename = "type")]
    pub queue_type: &'static str,
    /// Ready and unacknowledged messages.
    pub messages: Option<u64>,
    /// Messages ready for delivery.
    pub messages_ready: Option<u64>,
    /// Messages delivered and not acknowledged.
    pub messages_unacknowledged: Option<u64>,
    /// Consumers attached.
    pub consumers: Option<u32>,
    /// Messages per second.
    pub rates: Option<Rates>,
    /// Whether an operator has paused its consumption.
    pub paused: Option<bool>,
    /// Messages that wait in each retry stage, by its delay.
    pub retry: BTreeMap<String, Option<u64>>,
    /// Messages in the suspect queue.
    pub suspects: Option<u64>,
    /// Name of the dead-letter queue.
    pub dead_letter_queue: String,
    /// Messages in it; several queues may share one.
    pub dead_letters: Option<u64>,
}

impl QueueStatus {
    /// Asks the broker about a configured queue.
    ///
    /// # Errors
    /// The broker cannot be asked now.
    pub async fn ask(
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
            paused: is_paused(broker, &config.name).await?,
            retry,
            suspects: ready(broker, &names::suspect(&config.name)).await?,
            dead_letter_queue: config.dead_letter.clone(),
            dead_letters: ready(broker, &config.dead_letter).await?,
        })
    }

    /// All configured queues in the order of their keys.
    ///
    /// # Errors
    /// The broker cannot be asked now.
    pub async fn ask_all(
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
    pub fn retrying(&self) -> Option<u64> {
        self.retry.values().copied().sum()
    }
}

async fn ready(broker: &dyn Broker, queue: &str) -> Result<Option<u64>, BrokerError> {
    Ok(broker.depth(queue).await?.map(|depth| depth.ready))
}
