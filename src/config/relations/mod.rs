//! What settings have to do with each other.
//!
//! A relation that involves a refused value is not judged: one mistake is one problem.

mod limits;
mod names;
mod servers;

use std::time::Duration;

use super::load::{Report, quoted_key};
use super::{Config, Origin};

/// Name of the processor that the settings under `neo4j` belong to.
const NEO4J: &str = "neo4j";

/// Fits values that were not set to those that were: a batch to a smaller prefetch, the query
/// timeout to a shorter deadline.
pub(super) fn derive(config: &mut Config, report: &mut Report) {
    for (key, queue) in &mut config.queues {
        let events_key = queue_key(key, "batch.max_events");
        let prefetch = queue.prefetch.map_or(usize::MAX, usize::from);
        if prefetch < queue.batch.max_events && !report.origins.is_explicit(&events_key) {
            queue.batch.max_events = prefetch;
            let origin = Origin::Derived(queue_key(key, "prefetch"));
            report.origins.set(events_key, origin);
        }
    }
    if let Some((deadline, key)) = shortest_neo4j_deadline(config)
        && deadline <= config.neo4j.query_timeout
        && !report.origins.is_explicit("neo4j.query_timeout")
    {
        let millis = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        config.neo4j.query_timeout = Duration::from_millis(millis / 6 * 5);
        let origin = Origin::Derived(queue_key(&key, "deadline"));
        report.origins.set("neo4j.query_timeout", origin);
    }
}

/// Notes every broken relation.
pub(super) fn check(config: &Config, report: &mut Report) {
    servers::check(config, report);
    names::check(config, report);
    limits::check(config, report);
}

fn queue_key(key: &str, setting: &str) -> String {
    format!("queues.{}.{setting}", quoted_key(key))
}

fn shortest_neo4j_deadline(config: &Config) -> Option<(Duration, String)> {
    config
        .queues
        .iter()
        .filter(|(_, queue)| queue.processor == NEO4J)
        .map(|(key, queue)| (queue.deadline, key.clone()))
        .min()
}
