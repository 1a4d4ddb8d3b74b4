//! What is known of the queues at the broker.

use std::time::Duration;

use metrics::{describe_gauge, gauge};

use super::{PAUSED, QUEUE, flag, total};
use crate::operate::queues::QueueStatus;

const MESSAGES: &str = "fanout_queue_messages";
const CONSUMERS: &str = "fanout_queue_consumers";
const DEAD_LETTERS: &str = "fanout_dead_letters";
const OLDEST: &str = "fanout_dead_letter_oldest_age_seconds";
const KNOWN: &str = "fanout_queues_known";

/// What the broker said about a queue; `oldest` is for how long the first of its dead letters
/// has been dead, zero where there is none.
/// What is not known keeps its last value.
pub fn queue_state(queue: &QueueStatus, oldest: Option<Duration>) {
    let messages = |role: &'static str, state: &'static str, count: Option<u64>| {
        if let Some(count) = count {
            gauge!(MESSAGES, QUEUE => queue.name.clone(), "role" => role, "state" => state)
                .set(total(count));
        }
    };
    messages("main", "ready", queue.messages_ready);
    messages("main", "unacknowledged", queue.messages_unacknowledged);
    messages("retry", "ready", queue.retrying());
    messages("suspect", "ready", queue.suspects);
    if let Some(consumers) = queue.consumers {
        gauge!(CONSUMERS, QUEUE => queue.name.clone()).set(f64::from(consumers));
    }
    if let Some(paused) = queue.paused {
        gauge!(PAUSED, QUEUE => queue.name.clone()).set(flag(paused));
    }
    if let Some(dead) = queue.dead_letters {
        let name = queue.dead_letter_queue.clone();
        gauge!(DEAD_LETTERS, QUEUE => name.clone()).set(total(dead));
        if let Some(oldest) = oldest {
            gauge!(OLDEST, QUEUE => name).set(oldest.as_secs_f64());
        }
    }
    gauge!(KNOWN).set(1.0);
}

/// The broker could not be asked about its queues; `code` says why.
pub fn queues_unknown(code: &'static str) {
    gauge!(KNOWN).set(0.0);
    tracing::debug!(code, "the broker cannot be asked about its queues");
}

/// Says of each metric what it means.
pub(super) fn describe() {
    describe_gauge!(
        MESSAGES,
        "Messages of a queue and of those beside it, by role and state."
    );
    describe_gauge!(CONSUMERS, "Consumers of a queue.");
    describe_gauge!(DEAD_LETTERS, "Messages in a dead-letter queue.");
    describe_gauge!(
        OLDEST,
        "Since the first of the dead letters was dead-lettered; 0 where there is none."
    );
    describe_gauge!(KNOWN, "1 while the broker answers about its queues.");
}
