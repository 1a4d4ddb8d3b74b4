//! What a processor is built from.

use crate::config::{Config, Origin, Origins, QueueConfig};

/// What a processor is built from: the validated configuration and its queue.
#[derive(Clone, Copy, Debug)]
pub struct ProcessorContext<'a> {
    pub(super) config: &'a Config,
    pub(super) origins: &'a Origins,
    pub(super) queue_key: &'a str,
    pub(super) queue: &'a QueueConfig,
}

impl<'a> ProcessorContext<'a> {
    /// The whole configuration.
    pub fn config(&self) -> &'a Config {
        self.config
    }

    /// The key of the queue, such as `neo4j` for `events.neo4j`.
    pub fn queue_key(&self) -> &'a str {
        self.queue_key
    }

    /// The queue.
    pub fn queue(&self) -> &'a QueueConfig {
        self.queue
    }

    /// Where a setting comes from, for a [`Problem`](crate::config::Problem) with it.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.of(key)
    }
}
