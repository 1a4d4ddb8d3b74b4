//! What settings have to do with each other.
//!
//! A relation that involves a refused value is not judged: one mistake is one problem.

mod limits;
mod names;
mod outbox;
mod retention;
mod servers;
mod traces;

use std::time::Duration;

use super::load::{Report, quoted_key};
use super::{Config, Origin};

/// Names of the processors that have settings of their own, which are under the same name.
const NEO4J: &str = "neo4j";
const QDRANT: &str = "qdrant";

/// How long the processor of this name gives a batch.
fn query_timeout<'a>(config: &'a mut Config, processor: &str) -> Option<&'a mut Duration> {
    match processor {
        NEO4J => Some(&mut config.neo4j.query_timeout),
        QDRANT => Some(&mut config.qdrant.query_timeout),
        _ => None,
    }
}

/// Fits values that were not set to those that were: a batch to a smaller prefetch, the query
/// timeout to a shorter deadline, the ledger's retention to a longer wait.
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
    for processor in [NEO4J, QDRANT] {
        fit_query_timeout(config, processor, report);
    }
    retention::derive(config, report);
}

fn fit_query_timeout(config: &mut Config, processor: &str, report: &mut Report) {
    let timeout_key = format!("{processor}.query_timeout");
    let shortest = shortest_deadline(config, processor);
    if let Some((deadline, key)) = shortest
        && !report.origins.is_explicit(&timeout_key)
        && let Some(timeout) = query_timeout(config, processor)
        && deadline <= *timeout
    {
        let millis = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        *timeout = Duration::from_millis(millis / 6 * 5);
        let origin = Origin::Derived(queue_key(&key, "deadline"));
        report.origins.set(timeout_key, origin);
    }
}

/// Notes every broken relation.
pub(super) fn check(config: &Config, report: &mut Report) {
    servers::check(config, report);
    names::check(config, report);
    limits::check(config, report);
    outbox::check(config, report);
    traces::check(config, report);
    retention::check(config, report);
}

fn queue_key(key: &str, setting: &str) -> String {
    format!("queues.{}.{setting}", quoted_key(key))
}

fn shortest_deadline(config: &Config, processor: &str) -> Option<(Duration, String)> {
    config
        .queues
        .iter()
        .filter(|(_, queue)| queue.processor == processor)
        .map(|(key, queue)| (queue.deadline, key.clone()))
        .min()
}
