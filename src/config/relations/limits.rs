//! Numbers and times that have to agree.

use super::super::form::{show_size, show_time};
use super::super::load::Report;
use super::super::{Config, QueueConfig};
use super::{NEO4J, QDRANT, queue_key};
use crate::topology::names;

pub(super) fn check(config: &Config, report: &mut Report) {
    for (key, queue) in &config.queues {
        prefetch(key, queue, report);
        retry_delays(key, queue, report);
        deadline(key, queue, config, report);
    }
    heartbeat(config, report);
    buffers(config, report);
    pointers(config, report);
    weights(config, report);
    filter(config, report);
}

fn prefetch(key: &str, queue: &QueueConfig, report: &mut Report) {
    let events = queue.batch.max_events;
    if let Some(prefetch) = queue.prefetch.filter(|p| usize::from(*p) < events) {
        report.relate(
            &[
                &queue_key(key, "prefetch"),
                &queue_key(key, "batch.max_events"),
            ],
            prefetch.to_string(),
            format!("must not be below batch.max_events, which is set to {events}"),
            "a batch would never fill; lower batch.max_events, or leave one of the two unset",
        );
    }
}

fn retry_delays(key: &str, queue: &QueueConfig, report: &mut Report) {
    let Some(ttl) = queue.message_ttl else {
        return;
    };
    if let Some(delay) = queue.retry_delays.iter().find(|delay| **delay > ttl) {
        report.relate(
            &[
                &queue_key(key, "retry_delays"),
                &queue_key(key, "message_ttl"),
            ],
            show_time(*delay),
            format!("must not be above message_ttl, which is {}", show_time(ttl)),
            "shorten the delay, or lengthen message_ttl or set it to \"never\"",
        );
    }
}

fn deadline(key: &str, queue: &QueueConfig, config: &Config, report: &mut Report) {
    let deadline_key = queue_key(key, "deadline");
    let timeout = config.worker.consumer_timeout;
    if queue.deadline > timeout / 3 {
        report.relate(
            &[&deadline_key, "worker.consumer_timeout"],
            show_time(queue.deadline),
            format!(
                "must not be above a third of worker.consumer_timeout, which is {}",
                show_time(timeout)
            ),
            "beyond consumer_timeout the broker closes the channel: shorten the deadline, or raise \
             consumer_timeout here and at the broker",
        );
    }
    let query_timeout = match queue.processor.as_str() {
        NEO4J => config.neo4j.query_timeout,
        QDRANT => config.qdrant.query_timeout,
        _ => return,
    };
    if query_timeout >= queue.deadline {
        report.relate(
            &[&format!("{}.query_timeout", queue.processor), &deadline_key],
            show_time(query_timeout),
            format!(
                "must be below {deadline_key}, which is {}",
                show_time(queue.deadline)
            ),
            "a query has to give up before its batch does",
        );
    }
}

fn buffers(config: &Config, report: &mut Report) {
    let gateway = &config.gateway;
    if gateway.max_buffered < gateway.max_body {
        let size = |bytes: usize| show_size(u64::try_from(bytes).unwrap_or(u64::MAX));
        report.relate(
            &["gateway.max_buffered", "gateway.max_body"],
            size(gateway.max_buffered),
            format!(
                "must not be below gateway.max_body, which is {}",
                size(gateway.max_body)
            ),
            "a body that is allowed would never find room",
        );
    }
}

/// RFC 6901: empty, or a slash before each step.
fn pointers(config: &Config, report: &mut Report) {
    let wrong = config
        .dlq
        .redact
        .iter()
        .find(|pointer| !pointer.starts_with('/'));
    if let Some(pointer) = wrong {
        report.relate(
            &["dlq.redact"],
            super::super::raw::quoted(pointer),
            "must be JSON pointers, which begin with a slash",
            "for example /payload/email",
        );
    }
}

fn weights(config: &Config, report: &mut Report) {
    let weights = &config.qdrant.weights;
    let all = [
        weights.view,
        weights.cart,
        weights.remove_from_cart,
        weights.purchase,
    ];
    if config.qdrant.profiles && all.iter().all(|weight| *weight <= 0.0) {
        report.relate(
            &[
                "qdrant.weights.view",
                "qdrant.weights.cart",
                "qdrant.weights.remove_from_cart",
                "qdrant.weights.purchase",
            ],
            format!("{:?}", weights.view),
            "must be above zero where no other weight is",
            "without any weight nobody has a profile; set qdrant.profiles = false for that",
        );
    }
}

/// AMQP negotiates whole seconds.
fn heartbeat(config: &Config, report: &mut Report) {
    let heartbeat = config.broker.heartbeat;
    if heartbeat.subsec_nanos() != 0 {
        report.relate(
            &["broker.heartbeat"],
            show_time(heartbeat),
            "must be whole seconds",
            format!(
                "for example {}",
                names::delay_label(std::time::Duration::from_secs(heartbeat.as_secs()))
            ),
        );
    }
}

#[cfg(feature = "cli")]
fn filter(config: &Config, report: &mut Report) {
    let filter = &config.log.filter;
    // Its parser cuts at bytes and panics amid a letter of several.
    let wrong = match filter.is_ascii() {
        true => tracing_subscriber::EnvFilter::try_new(filter)
            .err()
            .map(|error| error.to_string()),
        false => Some("targets and levels are plain ASCII".to_owned()),
    };
    if let Some(wrong) = wrong {
        report.relate(
            &["log.filter"],
            super::super::raw::quoted(filter),
            format!("must be filter directives: {wrong}"),
            "for example info, or warn,fanout=debug",
        );
    }
}

#[cfg(not(feature = "cli"))]
fn filter(_: &Config, _: &mut Report) {}
