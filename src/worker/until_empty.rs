//! Ends a worker once its queue is empty: jobs, backfills, tests.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::broker::{Broker, ConnectionState};
use crate::config::QueueConfig;
use crate::engine::{Counts, Monitor, Shutdown, Snapshot};
use crate::topology::names;

/// Between two looks. A delivery on its way is in neither count: it has arrived by the next.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Looks in a row that find nothing.
const LOOKS: u32 = 2;

/// What has to be empty, and how long it may be held up.
pub(super) struct UntilEmpty<'a> {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) monitor: Arc<Monitor>,
    pub(super) queue: &'a QueueConfig,
    pub(super) stuck_after: Duration,
}

/// Asks to drain once all is empty, or cannot be. `None` = never.
pub(super) async fn drain_when_empty(
    until_empty: Option<UntilEmpty<'_>>,
    shutdown: Shutdown,
) -> Result<(), String> {
    let Some(until_empty) = until_empty else {
        return Ok(());
    };
    tokio::select! {
        // Asked for from outside: that it is not empty is no failure then.
        () = shutdown.draining() => Ok(()),
        seen = until_empty.watch() => {
            shutdown.drain();
            seen
        }
    }
}

impl UntilEmpty<'_> {
    /// Resolves once everything was seen empty; the reason where it cannot be.
    async fn watch(&self) -> Result<(), String> {
        let mut held_up: Option<Instant> = None;
        let mut before = Counts::default();
        let mut empty = 0;
        loop {
            let seen = self.monitor.snapshot();
            if let Some(code) = seen.flood {
                return Err(format!("the flood guard stopped at reason {code}"));
            }
            match self.obstacle(&seen) {
                Some(obstacle) => {
                    let since = *held_up.get_or_insert_with(Instant::now);
                    if since.elapsed() >= self.stuck_after {
                        let seconds = self.stuck_after.as_secs_f64();
                        return Err(format!("for {seconds} s {obstacle}"));
                    }
                }
                None => held_up = None,
            }
            let quiet = seen.in_flight == 0 && seen.counts == before;
            before = seen.counts;
            empty = if quiet && self.queues_are_empty().await {
                empty + 1
            } else {
                0
            };
            if empty == LOOKS {
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// What keeps the queue from becoming empty at the moment.
    fn obstacle(&self, seen: &Snapshot) -> Option<String> {
        let status = self.broker.status().borrow().clone();
        if status.state != ConnectionState::Connected {
            let error = status.last_error.unwrap_or_else(|| "no answer".to_owned());
            return Some(format!("the broker is not connected: {error}"));
        }
        if let Some(problem) = &seen.publish_problem {
            let (target, message) = (&problem.target, &problem.message);
            return Some(format!("{target} takes no messages: {message}"));
        }
        if seen.paused {
            return Some("the queue is paused; fanout queue resume lifts that".to_owned());
        }
        if seen.breaker != "closed" {
            let problem = seen.destination_problem.as_ref();
            let why = problem.map_or_else(|| "no answer".to_owned(), ToString::to_string);
            return Some(format!("the destination is away: {why}"));
        }
        None
    }

    /// Whether nothing waits: not in the queue, its retry stages, its suspect queue.
    async fn queues_are_empty(&self) -> bool {
        let main = &self.queue.name;
        let delays = self.queue.retry_delays.iter().filter(|d| !d.is_zero());
        let mut waiting: Vec<_> = delays.map(|delay| names::retry(main, *delay)).collect();
        waiting.push(names::suspect(main));
        // Last: what comes back from a stage meanwhile is seen here.
        waiting.push(main.clone());
        for queue in &waiting {
            match self.broker.depth(queue).await {
                Ok(Some(depth)) if depth.ready == 0 => {}
                // With `topology = "none"` a queue beside the main one need not exist.
                Ok(None) if queue != main => {}
                Ok(_) | Err(_) => return false,
            }
        }
        true
    }
}
