//! Where health, readiness and metrics look: the engine's monitor and the broker's status.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::probes::lacking;
use crate::broker::{BrokerStatus, ConnectionState};
use crate::engine::{Monitor, Snapshot};

/// A lane that has not turned for so long hangs: waiting lanes turn once a second.
pub const STALE_AFTER: Duration = Duration::from_secs(10);

/// What can be seen of one worker.
#[derive(Clone, Debug)]
pub struct Vitals {
    /// Name of the program.
    pub service: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Name of the queue at the broker.
    pub queue: String,
    /// Name of the processor, for its destination.
    pub processor: String,
    /// Deadline of one call of the processor.
    pub deadline: Duration,
    /// The engine.
    pub monitor: Arc<Monitor>,
    /// The broker.
    pub broker: watch::Receiver<BrokerStatus>,
}

/// Everything at one moment.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The engine.
    pub engine: Snapshot,
    /// The broker.
    pub broker: BrokerStatus,
}

impl Vitals {
    /// Everything at this moment.
    pub fn now(&self) -> Moment {
        Moment {
            engine: self.monitor.snapshot(),
            broker: self.broker.borrow().clone(),
        }
    }
}

impl Moment {
    /// Whether the broker is connected.
    pub fn broker_is_there(&self) -> bool {
        self.broker.state == ConnectionState::Connected
    }

    /// Whether the destination takes batches.
    pub fn destination_is_there(&self) -> bool {
        self.engine.breaker == "closed" && self.engine.destination_problem.is_none()
    }

    /// Whether a lane has a consumer at the broker.
    pub fn is_consuming(&self) -> bool {
        self.engine.lanes.iter().any(|lane| lane.consuming)
    }

    /// Indexes of lanes that hang. A drain ends lanes one by one and is bounded by its
    /// deadline: none counts meanwhile.
    pub fn stale_lanes(&self) -> Vec<usize> {
        let lanes = self.engine.lanes.iter().enumerate();
        lanes
            .filter(|(_, lane)| !self.engine.draining && lane.heartbeat_age > STALE_AFTER)
            .map(|(index, _)| index)
            .collect()
    }

    /// What keeps the worker from taking events; empty = ready.
    pub fn missing<'a>(&self, processor: &'a str) -> Vec<&'a str> {
        lacking([
            (!self.broker_is_there(), "rabbitmq"),
            (!self.destination_is_there(), processor),
            (!self.is_consuming() && !self.engine.paused, "consumers"),
        ])
    }
}
