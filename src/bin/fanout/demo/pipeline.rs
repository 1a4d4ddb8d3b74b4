//! Publisher and the outage in the middle, beside the queues at work: what a deployment runs
//! as several processes, here in one.

use std::time::Duration;

use fanout::broker::Broker;
use fanout::broker::local::LocalServer;
use fanout::config::Config;
use fanout::worker::{Direct, DirectQueue};

use super::day::Day;
use super::progress::Progress;
use crate::exit::{CommandError, Exit};

/// Unconfirmed messages at once, so that one sync of the disk serves many.
const WINDOW: usize = 500;
/// Messages that may wait in a queue before the publisher pauses: the broker keeps them in
/// memory, too.
const MOST_WAITING: usize = 20_000;
/// Between two looks at how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// When the graph goes away: so many of its events in a hundred are done.
const OUTAGE_AT: u64 = 40;
/// How long it stays away.
const OUTAGE: Duration = Duration::from_secs(1);
/// A second of retries: the day is short.
pub(super) const RETRY_DELAYS: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
];
/// How soon the breaker looks again whether the graph is back.
const OPEN_FOR: Duration = Duration::from_millis(250);
/// Lanes of each queue.
const LANES: usize = 2;

/// The settings of the demonstration: the defaults, but for what a short day needs.
pub(super) fn config() -> Config {
    let mut config = Config::default();
    config.worker.lanes = LANES;
    config.breaker.open_for = OPEN_FOR;
    for queue in config.queues.values_mut() {
        queue.retry_delays = RETRY_DELAYS.to_vec();
    }
    config
}

/// Publishes the day, each message confirmed once it is on disk. Ends early with a queue.
pub(super) async fn publish(
    day: &Day,
    server: &LocalServer,
    direct: &Direct,
    progress: &Progress,
) -> Result<(), CommandError> {
    let broker = server.connect();
    let full = |queue: &DirectQueue| server.count(queue.name()).unwrap_or(0) > MOST_WAITING;
    let mut messages = day.messages().peekable();
    while messages.peek().is_some() {
        while direct.queues().iter().any(full) {
            if direct.has_ended() {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let window = messages.by_ref().take(WINDOW);
        let confirms = futures::future::try_join_all(window.map(|m| broker.publish(m))).await;
        let confirmed = confirms.map_err(|error| {
            CommandError::new(Exit::RunTime, format!("cannot publish: {error}"))
        })?;
        progress.published(confirmed.len());
    }
    Ok(())
}

/// Switches the graph off once it is amid its work, and on again; answers how long it was away.
pub(super) async fn outage(graph: &DirectQueue, total: usize, switch: impl Fn(bool)) -> Duration {
    let amid = total as u64 * OUTAGE_AT / 100;
    let done = || {
        let counts = graph.monitor().counts();
        counts.applied + counts.skipped
    };
    while done() < amid && !graph.has_ended() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let start = tokio::time::Instant::now();
    switch(false);
    tokio::time::sleep(OUTAGE).await;
    switch(true);
    start.elapsed()
}
