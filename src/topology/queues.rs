//! Arguments of each role of queue. The reasons stand in `ARCHITECTURE.md`, section topology.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Argument, Queue, Role, names};
use crate::config::{QueueConfig, QueueType};

/// Far above what outages and crashes add up to: the broker must never dead-letter on its
/// own because of redeliveries. RabbitMQ 4 would otherwise do so at 20.
const DELIVERY_LIMIT: i64 = 1_000_000;

type Arguments = BTreeMap<&'static str, Argument>;

/// Without a route of its own: what expires here is gone.
pub(super) fn dead_letter(name: &str, ttl: Option<Duration>) -> Queue {
    let mut arguments = Arguments::from([("x-delivery-limit", Argument::Int(DELIVERY_LIMIT))]);
    if let Some(ttl) = ttl {
        arguments.insert("x-message-ttl", millis(ttl));
    }
    Queue {
        name: name.to_owned(),
        role: Role::DeadLetter,
        queue_type: QueueType::Quorum,
        arguments,
    }
}

pub(super) fn main(config: &QueueConfig) -> Queue {
    let mut arguments = dead_letters_to(&config.dead_letter, config.queue_type);
    if let Some(ttl) = config.message_ttl {
        arguments.insert("x-message-ttl", millis(ttl));
    }
    if let Some(bytes) = config.max_length_bytes {
        arguments.insert(
            "x-max-length-bytes",
            Argument::Int(i64::try_from(bytes).unwrap_or(i64::MAX)),
        );
    }
    Queue {
        name: config.name.clone(),
        role: Role::Main,
        queue_type: config.queue_type,
        arguments,
    }
}

pub(super) fn suspect(config: &QueueConfig) -> Queue {
    Queue {
        name: names::suspect(&config.name),
        role: Role::Suspect,
        queue_type: QueueType::Quorum,
        arguments: dead_letters_to(&config.dead_letter, QueueType::Quorum),
    }
}

/// At most one message: the last word of an operator counts.
pub(super) fn pause(config: &QueueConfig) -> Queue {
    let arguments = Arguments::from([
        ("x-max-length", Argument::Int(1)),
        ("x-overflow", Argument::Text("drop-head".to_owned())),
        ("x-delivery-limit", Argument::Int(DELIVERY_LIMIT)),
    ]);
    Queue {
        name: names::pause(&config.name),
        role: Role::Pause,
        queue_type: QueueType::Quorum,
        arguments,
    }
}

/// One queue per delay; a stage of `0s` needs none, it goes straight back to the main queue.
pub(super) fn retries(config: &QueueConfig) -> Vec<Queue> {
    let delays: BTreeSet<_> = config
        .retry_delays
        .iter()
        .filter(|d| !d.is_zero())
        .collect();
    delays
        .into_iter()
        .map(|delay| retry(config, *delay))
        .collect()
}

fn retry(config: &QueueConfig, delay: Duration) -> Queue {
    let mut arguments = dead_letters_to(&config.name, QueueType::Quorum);
    arguments.insert("x-message-ttl", millis(delay));
    Queue {
        name: names::retry(&config.name, delay),
        role: Role::Retry,
        queue_type: QueueType::Quorum,
        arguments,
    }
}

/// At-least-once dead-lettering needs strategy, `reject-publish` and a route together, and
/// exists on quorum queues only; missing one, the broker silently falls back.
fn dead_letters_to(queue: &str, queue_type: QueueType) -> Arguments {
    let text = |t: &str| Argument::Text(t.to_owned());
    let mut arguments = Arguments::from([
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(queue)),
        ("x-overflow", text("reject-publish")),
    ]);
    if queue_type == QueueType::Quorum {
        arguments.insert("x-dead-letter-strategy", text("at-least-once"));
        arguments.insert("x-delivery-limit", Argument::Int(DELIVERY_LIMIT));
    }
    arguments
}

fn millis(duration: Duration) -> Argument {
    Argument::Int(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}
