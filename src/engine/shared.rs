//! What the lanes of an engine have in common.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fanout_contract::Processor;
use tokio::sync::{RwLock, Semaphore};

use super::alone::Alone;
use super::destination::Destination;
use super::monitor::Monitor;
use crate::broker::Broker;
use crate::codec::Codec;
use crate::config::{
    BreakerConfig, Config, FloodGuardConfig, FollowUpRoute, QueueConfig, UnknownKind,
};
use crate::telemetry::Outages;

/// What an engine needs to know: one queue and how to take it through its processor.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The queue.
    pub queue: QueueConfig,
    /// Lanes: consumers with a channel of their own.
    pub lanes: usize,
    /// Breaker of the destination.
    pub breaker: BreakerConfig,
    /// Guard of the dead-letter queue.
    pub flood_guard: FloodGuardConfig,
    /// What happens to kinds that the processor does not know.
    pub unknown_kind: UnknownKind,
    /// Routes of follow-up events by kind.
    pub follow_ups: BTreeMap<String, FollowUpRoute>,
    /// Exchange of follow-up events without a route.
    pub default_exchange: String,
    /// Longest drain.
    pub drain_deadline: Duration,
    /// The broker's consumer timeout; nothing is held longer than a third of it.
    pub consumer_timeout: Duration,
    /// Patience with a slow settlement before single acknowledgements overtake it.
    pub overtake_after: Duration,
}

impl EngineConfig {
    /// For the queue with this key; `None` where the configuration has no such queue.
    pub fn from_config(config: &Config, queue_key: &str) -> Option<Self> {
        Some(Self {
            queue: config.queues.get(queue_key)?.clone(),
            lanes: config.worker.lanes.max(1),
            breaker: config.breaker.clone(),
            flood_guard: config.flood_guard.clone(),
            unknown_kind: config.codec.unknown_kind,
            follow_ups: config.follow_ups.clone(),
            default_exchange: config
                .exchanges
                .first()
                .map_or_else(String::new, |e| e.name.clone()),
            drain_deadline: config.worker.drain_deadline,
            consumer_timeout: config.worker.consumer_timeout,
            overtake_after: config.worker.overtake_after,
        })
    }

    /// Longest time a delivery is held: a third of the broker's consumer timeout.
    pub(super) fn hold_limit(&self) -> Duration {
        self.consumer_timeout / 3
    }
}

/// What the lanes share.
pub(super) struct Shared {
    pub(super) config: EngineConfig,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) processor: Arc<dyn Processor>,
    pub(super) codec: Arc<Codec>,
    pub(super) destination: Destination,
    pub(super) monitor: Arc<Monitor>,
    /// Turns at the store: as many as the processor gains from.
    pub(super) turns: Arc<Semaphore>,
    /// Read by every call of a lane, written by a call for a suspect: a suspect is alone.
    pub(super) solitude: Arc<RwLock<()>>,
    /// Events that failed to answer although they were alone.
    pub(super) alone: Alone,
    pub(super) trouble: Trouble,
}

/// What of an engine goes wrong more often than the log shall say.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    pub(super) consuming: Outages,
    pub(super) pauses: Outages,
    /// By queue or exchange.
    pub(super) settling: Outages,
    /// By exchange.
    pub(super) follow_ups: Outages,
    /// By reason code.
    pub(super) retried: Outages,
    /// By reason code.
    pub(super) dead_lettered: Outages,
    pub(super) suspects: Outages,
}

impl Shared {
    pub(super) fn queue(&self) -> &str {
        &self.config.queue.name
    }
}
