//! A retry, suspect or dead-letter queue by itself.

use serde::Serialize;

use super::management::{Rates, Statistics};
use crate::broker::{Broker, BrokerError};
use crate::config::Config;
use crate::topology::{Role, Topology};

/// A queue that belongs to a main queue. `None` = not known; a depth is unknown where the
/// queue does not exist at the broker.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SideQueue {
    /// Name at the broker.
    pub name: String,
    /// What it is for.
    pub role: &'static str,
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
}

impl SideQueue {
    /// Asks the broker about the queue of this name.
    ///
    /// # Errors
    /// The broker cannot be asked now.
    pub async fn ask(
        broker: &dyn Broker,
        statistics: &Statistics,
        config: &Config,
        name: &str,
    ) -> Result<Self, BrokerError> {
        let topology = Topology::from_config(config);
        let queue = topology.queue(name);
        let depth = broker.depth(name).await?;
        let known = statistics.of(name);
        Ok(Self {
            name: name.to_owned(),
            role: queue.map_or(Role::Main, |queue| queue.role).as_str(),
            queue_type: queue.map_or("quorum", |queue| queue.queue_type.as_str()),
            messages: known.map(|queue| queue.messages),
            messages_ready: depth.map(|depth| depth.ready),
            messages_unacknowledged: known.map(|queue| queue.messages_unacknowledged),
            consumers: depth.map(|depth| depth.consumers),
            rates: known.map(|queue| queue.rates),
        })
    }
}
