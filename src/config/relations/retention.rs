//! How long the ledger has to remember an event.

use std::time::Duration;

use super::super::form::show_time;
use super::super::load::Report;
use super::super::{Config, Origin};
use super::{NEO4J, queue_key};

/// Seconds.
const DAY: u64 = 24 * 60 * 60;
const KEY: &str = "neo4j.ledger_retention";

impl Config {
    /// How long after it was applied an event may come again to the processor of this name:
    /// it waits in its queue as long as that lets it, goes through every retry stage, and lies
    /// among the dead letters as long as those are kept. In whole days, since clocks differ. A
    /// time that has no limit counts nothing here.
    pub fn comes_again_within(&self, processor: &str) -> Duration {
        let queues = self.queues.values().filter(|q| q.processor == processor);
        let longest = queues.map(|queue| {
            let waiting = queue.message_ttl.unwrap_or_default();
            let retried: Duration = queue.retry_delays.iter().sum();
            waiting + retried
        });
        let longest = longest.max().unwrap_or_default();
        let all = longest + self.dlq.message_ttl.unwrap_or_default();
        Duration::from_secs(all.as_secs().div_ceil(DAY) * DAY)
    }
}

/// Lengthens a retention that was not set.
pub(super) fn derive(config: &mut Config, report: &mut Report) {
    let needed = config.comes_again_within(NEO4J);
    if config.neo4j.ledger_retention < needed && !report.origins.is_explicit(KEY) {
        config.neo4j.ledger_retention = needed;
        let longest = longest_queue(config).unwrap_or_default();
        let origin = Origin::Derived(queue_key(&longest, "message_ttl"));
        report.origins.set(KEY, origin);
    }
}

pub(super) fn check(config: &Config, report: &mut Report) {
    let (kept, needed) = (
        config.neo4j.ledger_retention,
        config.comes_again_within(NEO4J),
    );
    if kept >= needed {
        return;
    }
    let queue = longest_queue(config).unwrap_or_default();
    let [ttl, delays] = ["message_ttl", "retry_delays"].map(|key| queue_key(&queue, key));
    report.relate(
        &[KEY, &ttl, &delays, "dlq.message_ttl"],
        show_time(kept),
        format!(
            "must not be below {}: so long an event may wait in {}, in its retry stages and as \
             a dead letter",
            show_time(needed),
            queue_key(&queue, "name"),
        ),
        "an event that comes again after its ledger entry is gone is applied twice",
    );
}

fn longest_queue(config: &Config) -> Option<String> {
    let queues = config.queues.iter().filter(|(_, q)| q.processor == NEO4J);
    let longest = queues.max_by_key(|(_, queue)| queue.message_ttl);
    longest.map(|(key, _)| key.clone())
}
