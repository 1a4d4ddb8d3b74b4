//! A replay in growing steps: after each it waits until what was replayed is settled, and
//! stops when some of it has come back.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::bench::Workbench;
use super::error::DlqError;
use super::walk::Walk;
use crate::broker::HeaderValue;
use crate::topology::names::{self, headers};

/// How often it looks at the queues.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Messages of a retry stage that are looked through; behind more nothing is known.
const LOOKED_THROUGH: u64 = 10_000;

/// Steps of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// Sizes of the steps; after the last one comes the rest. Default 1, 10, 100, 1,000.
    pub steps: Vec<u64>,
    /// How long a step may take to be settled. Default 2 min.
    pub wait: Duration,
    /// How long the queues must have been empty of it: what a worker has in its hands is not
    /// seen from outside. Default 3 s.
    pub quiet: Duration,
}

impl Default for Canary {
    fn default() -> Self {
        Self {
            steps: vec![1, 10, 100, 1000],
            wait: Duration::from_secs(120),
            quiet: Duration::from_secs(3),
        }
    }
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CanaryStep {
    /// Dead letters replayed in it.
    pub replayed: u64,
    /// Of the whole run, how many were back in a dead-letter queue after it.
    pub came_back: u64,
    /// Queues and stages no longer held any of it.
    pub settled: bool,
}

/// Why the next step is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CanaryStop {
    /// So many came back.
    CameBack(u64),
    /// This queue still held some of it when the time was over.
    NotSettled(String),
}

impl std::fmt::Display for CanaryStop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CameBack(count) => write!(f, "{count} of this run came back"),
            Self::NotSettled(queue) => write!(f, "{queue} still holds what was replayed"),
        }
    }
}

/// What a step waits for: the run, and the queues it went to.
pub(super) struct Step<'a> {
    pub(super) run: &'a str,
    pub(super) queues: &'a [String],
}

impl Workbench {
    /// Waits until no queue holds any of the run, or the time is over; names the queue that
    /// still did.
    pub(super) async fn settled(
        &self,
        canary: &Canary,
        step: &Step<'_>,
        stop: &CancellationToken,
    ) -> Result<Option<String>, DlqError> {
        let over = Instant::now() + canary.wait;
        let mut clean_since = None;
        loop {
            let now = Instant::now();
            let holder = self.holder(step).await?;
            match &holder {
                Some(_) => clean_since = None,
                None if now.duration_since(*clean_since.get_or_insert(now)) >= canary.quiet => {
                    return Ok(None);
                }
                None => {}
            }
            if now >= over || stop.is_cancelled() {
                return Ok(holder);
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// A queue that may still hold something of the run.
    async fn holder(&self, step: &Step<'_>) -> Result<Option<String>, DlqError> {
        for name in step.queues {
            if self.ready_in(name).await? > 0 {
                return Ok(Some(name.clone()));
            }
            let Some(queue) = self
                .config
                .queues
                .values()
                .find(|queue| queue.name == *name)
            else {
                continue;
            };
            let stages = queue.retry_delays.iter().filter(|delay| !delay.is_zero());
            let stages = stages.map(|delay| names::retry(name, *delay));
            for stage in stages.chain([names::suspect(name)]) {
                if self.holds(&stage, step.run).await? {
                    return Ok(Some(stage));
                }
            }
        }
        Ok(None)
    }

    /// Whether a stage holds something of the run, or too much to know.
    async fn holds(&self, stage: &str, run: &str) -> Result<bool, DlqError> {
        let ready = self.ready_in(stage).await?;
        if ready == 0 || ready > LOOKED_THROUGH {
            return Ok(ready > 0);
        }
        let mut walk = Walk::begin(self.broker.clone(), stage).await?;
        let mut found = false;
        while !found && let Some(held) = walk.next().await? {
            let properties = &held.delivery.message.properties;
            let by = properties.headers.get(headers::REPLAY);
            found = by.and_then(HeaderValue::as_str) == Some(run);
        }
        walk.close().await?;
        Ok(found)
    }

    pub(super) async fn ready_in(&self, queue: &str) -> Result<u64, DlqError> {
        let depth = self.broker.depth(queue).await?;
        Ok(depth.map_or(0, |depth| depth.ready))
    }

    /// Dead letters of this run that are in a dead-letter queue again.
    pub(super) async fn came_back(&self, run: &str) -> Result<u64, DlqError> {
        let mut back = 0;
        for dlq in &self.queues {
            let mut walk = Walk::begin(self.broker.clone(), dlq).await?;
            while let Some(held) = walk.next().await? {
                let properties = &held.delivery.message.properties;
                let by = properties.headers.get(headers::REPLAY);
                back += u64::from(by.and_then(HeaderValue::as_str) == Some(run));
            }
            walk.close().await?;
        }
        Ok(back)
    }
}
