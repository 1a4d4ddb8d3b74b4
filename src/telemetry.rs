//! Names of metrics, in one place, as typed functions. Called per batch, never per event.

use std::time::Duration;

use metrics::{counter, histogram};

/// Events that came to an end: `outcome` is applied, skipped, retried, dead-lettered,
/// given-back or suspect; `code` the reason, or empty.
pub fn settled(queue: &str, outcome: &'static str, code: &'static str, events: u64) {
    counter!("fanout_events_settled_total", "queue" => queue.to_owned(), "outcome" => outcome, "code" => code)
        .increment(events);
}

/// A batch has been answered.
pub fn batch(queue: &str, events: usize, took: Duration) {
    #[allow(
        clippy::cast_precision_loss,
        reason = "a batch is far below 2^52 events"
    )]
    histogram!("fanout_batch_events", "queue" => queue.to_owned()).record(events as f64);
    histogram!("messaging_process_duration_seconds", "queue" => queue.to_owned()).record(took);
}

/// Deliveries taken from the broker.
pub fn delivered(queue: &str, messages: u64, redelivered: u64) {
    counter!("messaging_client_consumed_messages_total", "queue" => queue.to_owned())
        .increment(messages);
    if redelivered > 0 {
        counter!("fanout_redeliveries_total", "queue" => queue.to_owned()).increment(redelivered);
    }
}

/// From delivery to acknowledgement, of the slowest event of a batch.
pub fn latency(queue: &str, took: Duration) {
    histogram!("fanout_received_to_settled_seconds", "queue" => queue.to_owned()).record(took);
}

/// The broker did not take a message that settles an event.
pub fn publish_problem(queue: &str, code: &'static str) {
    counter!("fanout_publish_problems_total", "queue" => queue.to_owned(), "code" => code)
        .increment(1);
}
