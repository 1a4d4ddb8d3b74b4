//! Names of metrics, and the catalogue of log records ([`log`]), in one place, as typed
//! functions. Called per batch, never per event.
//!
//! Where the semantic conventions of OpenTelemetry for messaging have a name, it is that one,
//! written the way Prometheus does: dots become underscores, the unit and `_total` behind.

#[cfg(all(test, feature = "cli"))]
pub(crate) mod captured;
#[cfg(feature = "cli")]
mod http;
#[cfg(all(test, feature = "cli"))]
#[path = "../tests/support/lines.rs"]
pub(crate) mod lines;
pub mod log;
#[cfg(feature = "otlp")]
mod otlp;
mod outage;
#[cfg(feature = "outbox")]
mod outbox;
#[cfg(feature = "cli")]
mod publication;
#[cfg(feature = "cli")]
mod queues;
pub(crate) mod spans;
mod spool;

#[cfg(feature = "cli")]
pub use http::{HttpRequest, backlog, events_posted, http_request};
#[cfg(feature = "otlp")]
pub use otlp::Traces;
pub(crate) use outage::{Outages, Told};
#[cfg(feature = "outbox")]
pub use outbox::*;
#[cfg(feature = "cli")]
pub(crate) use publication::Publication;
#[cfg(feature = "cli")]
pub use queues::{queue_state, queues_unknown};
pub use spool::spool_limits;

use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::broker::{BrokerStatus, ConnectionState};
use crate::engine::Snapshot;
use crate::operate::Usage;
use crate::publish::PublisherStatus;

const SETTLED: &str = "fanout_events_settled_total";
/// Histogram of events of a batch.
pub(crate) const BATCH_EVENTS: &str = "fanout_batch_events";
const PROCESS_DURATION: &str = "messaging_process_duration_seconds";
const CONSUMED: &str = "messaging_client_consumed_messages_total";
const REDELIVERIES: &str = "fanout_redeliveries_total";
const ASSIGNED_IDS: &str = "fanout_assigned_ids_total";
const RECEIVED_TO_SETTLED: &str = "fanout_received_to_settled_seconds";
/// Histogram of a time that may be days long.
pub(crate) const OCCURRED_TO_SETTLED: &str = "fanout_occurred_to_settled_seconds";
const RETRIES: &str = "fanout_retries_total";
const PAUSED: &str = "fanout_paused";
const PUBLISH_PROBLEMS: &str = "fanout_publish_problems_total";
const ACCEPTED: &str = "fanout_intake_messages_total";
const SENT: &str = "messaging_client_sent_messages_total";
const NOT_TAKEN: &str = "fanout_publisher_problems_total";
const PUBLISHER_LINK: &str = "fanout_publisher_link";
const PUBLISHER_IN_FLIGHT: &str = "fanout_publisher_in_flight_messages";
const SPOOL_MESSAGES: &str = "fanout_spool_messages";
const SPOOL_BYTES: &str = "fanout_spool_bytes";
const SPOOL_ASIDE: &str = "fanout_spool_set_aside_messages";
const SPOOL_FAILING: &str = "fanout_spool_failing";
const IN_FLIGHT: &str = "fanout_in_flight_events";
const LANES: &str = "fanout_lanes";
const CONSUMING_LANES: &str = "fanout_consuming_lanes";
const HEARTBEAT_AGE: &str = "fanout_lane_heartbeat_age_seconds";
const LAST_SETTLED: &str = "fanout_last_settled_age_seconds";
const BREAKER: &str = "fanout_breaker_state";
const FLOOD_GUARD: &str = "fanout_flood_guard_tripped";
const DRAINING: &str = "fanout_draining";
const BROKER_CONNECTED: &str = "fanout_broker_connected";
const BROKER_CONNECTIONS: &str = "fanout_broker_connections_total";
const BROKER_BLOCKED: &str = "fanout_broker_blocked";
const INFO: &str = "fanout_build_info";
const MEMORY: &str = "process_resident_memory_bytes";
const CPU: &str = "process_cpu_seconds_total";

/// OpenTelemetry's `messaging.destination.name`: the queue.
const QUEUE: &str = "messaging_destination_name";

/// Events that came to an end: `outcome` is applied, skipped, retried, dead-lettered,
/// given-back or suspect; `code` the reason, or empty.
pub fn settled(queue: &str, outcome: &'static str, code: &'static str, events: u64) {
    counter!(SETTLED, QUEUE => queue.to_owned(), "outcome" => outcome, "code" => code)
        .increment(events);
}

/// A batch has been answered.
pub fn batch(queue: &str, events: usize, took: Duration) {
    histogram!(BATCH_EVENTS, QUEUE => queue.to_owned()).record(float(events));
    histogram!(PROCESS_DURATION, QUEUE => queue.to_owned()).record(took);
    tracing::trace!(queue, events, ?took, "batch answered");
}

/// Deliveries taken from the broker.
pub fn delivered(queue: &str, messages: u64, redelivered: u64) {
    counter!(CONSUMED, QUEUE => queue.to_owned()).increment(messages);
    if redelivered > 0 {
        counter!(REDELIVERIES, QUEUE => queue.to_owned()).increment(redelivered);
    }
}

/// Deliveries without any id, which got one of their own: repeated, they count twice.
pub fn ids_assigned(queue: &str, events: u64) {
    if events > 0 {
        counter!(ASSIGNED_IDS, QUEUE => queue.to_owned()).increment(events);
    }
}

/// From delivery to acknowledgement, of the slowest event of a batch.
pub fn latency(queue: &str, took: Duration) {
    histogram!(RECEIVED_TO_SETTLED, QUEUE => queue.to_owned()).record(took);
}

/// From when it happened to acknowledgement, of the event of a batch that happened first.
pub fn age(queue: &str, seconds: f64) {
    histogram!(OCCURRED_TO_SETTLED, QUEUE => queue.to_owned()).record(seconds.max(0.0));
}

/// An event waits in the retry stage of this delay.
pub fn retried(queue: &str, stage: String) {
    counter!(RETRIES, QUEUE => queue.to_owned(), "stage" => stage).increment(1);
}

/// The broker did not take a message that settles an event.
pub fn publish_problem(queue: &str, code: &'static str) {
    counter!(PUBLISH_PROBLEMS, QUEUE => queue.to_owned(), "code" => code).increment(1);
}

/// Messages given to a publisher: `outcome` is confirmed, spooled or refused; `code` the
/// reason of a refusal, or empty.
pub fn accepted(outcome: &'static str, code: &'static str, messages: u64) {
    if messages > 0 {
        counter!(ACCEPTED, "outcome" => outcome, "code" => code).increment(messages);
    }
}

/// Messages of a publisher that the broker has confirmed, from callers and from the spool.
pub fn sent(messages: u64) {
    if messages > 0 {
        counter!(SENT).increment(messages);
    }
}

/// The broker did not take messages of a publisher; they are tried again or set aside.
pub fn not_taken(code: &'static str, messages: u64) {
    counter!(NOT_TAKEN, "code" => code).increment(messages);
}

/// State of a publisher, read when somebody asks.
pub fn publisher_state(status: &PublisherStatus) {
    for state in ["ready", "away", "blocked", "refusing"] {
        gauge!(PUBLISHER_LINK, "state" => state).set(flag(status.link.as_str() == state));
    }
    gauge!(PUBLISHER_IN_FLIGHT).set(float(status.in_flight));
    gauge!(SPOOL_MESSAGES).set(total(status.backlog.messages));
    gauge!(SPOOL_BYTES).set(total(status.backlog.bytes));
    gauge!(SPOOL_ASIDE).set(total(status.set_aside));
    gauge!(SPOOL_FAILING).set(flag(status.spool_trouble.is_some()));
}

/// State of a worker, read when somebody asks.
pub fn worker_state(queue: &str, engine: &Snapshot) {
    let set = |name: &'static str, value: f64| {
        gauge!(name, QUEUE => queue.to_owned()).set(value);
    };
    let lanes = &engine.lanes;
    let ages = lanes.iter().map(|lane| lane.heartbeat_age);
    set(IN_FLIGHT, float(engine.in_flight));
    set(LANES, float(lanes.len()));
    set(
        CONSUMING_LANES,
        float(lanes.iter().filter(|lane| lane.consuming).count()),
    );
    set(HEARTBEAT_AGE, ages.max().unwrap_or_default().as_secs_f64());
    if let Some(age) = engine.last_settled {
        set(LAST_SETTLED, age.as_secs_f64());
    }
    set(FLOOD_GUARD, flag(engine.flood.is_some()));
    set(DRAINING, flag(engine.draining));
    set(PAUSED, flag(engine.paused));
    for state in ["closed", "half-open", "open"] {
        gauge!(BREAKER, QUEUE => queue.to_owned(), "state" => state)
            .set(flag(engine.breaker == state));
    }
}

/// State of the connection to the broker, read when somebody asks.
pub fn broker_state(status: &BrokerStatus) {
    gauge!(BROKER_CONNECTED).set(flag(status.state == ConnectionState::Connected));
    gauge!(BROKER_BLOCKED).set(flag(status.blocked.is_some()));
    counter!(BROKER_CONNECTIONS).absolute(status.epoch);
}

/// The process, read when somebody asks.
pub fn process_state(service: &'static str, version: &'static str, usage: Option<Usage>) {
    gauge!(INFO, "service" => service, "version" => version).set(1.0);
    if let Some(usage) = usage {
        gauge!(MEMORY).set(usage.resident_bytes);
        gauge!(CPU).set(usage.cpu_seconds);
    }
}

/// Says of each metric what it means.
pub fn describe() {
    let count = |name, text| describe_counter!(name, Unit::Count, text);
    let level = |name, text| describe_gauge!(name, text);
    let times = |name, text| describe_histogram!(name, Unit::Seconds, text);
    count(
        SETTLED,
        "Events that came to an end, by outcome and reason code.",
    );
    count(CONSUMED, "Messages delivered to the worker.");
    count(REDELIVERIES, "Messages delivered again.");
    count(
        ASSIGNED_IDS,
        "Events without any id: a redelivery counts twice.",
    );
    count(
        PUBLISH_PROBLEMS,
        "Messages that settle an event and were not taken by the broker.",
    );
    describe_publisher();
    spool::describe();
    #[cfg(feature = "cli")]
    http::describe();
    count(BROKER_CONNECTIONS, "Connections made to the broker.");
    describe_histogram!(BATCH_EVENTS, Unit::Count, "Events of a batch.");
    times(PROCESS_DURATION, "Duration of one call of the processor.");
    times(
        RECEIVED_TO_SETTLED,
        "From delivery to acknowledgement, of the slowest event of a batch.",
    );
    times(
        OCCURRED_TO_SETTLED,
        "From when it happened to acknowledgement, of the event of a batch that happened first.",
    );
    count(RETRIES, "Events sent to a retry stage, by its delay.");
    level(PAUSED, "1 while an operator has paused the queue.");
    #[cfg(feature = "cli")]
    queues::describe();
    level(IN_FLIGHT, "Deliveries held: received and not settled.");
    level(LANES, "Lanes.");
    level(CONSUMING_LANES, "Lanes with a consumer at the broker.");
    level(HEARTBEAT_AGE, "Age of the oldest heartbeat of a lane.");
    level(LAST_SETTLED, "Time since an event was settled.");
    level(
        BREAKER,
        "1 for the state the breaker of the destination is in.",
    );
    level(FLOOD_GUARD, "1 while the flood guard pauses consumption.");
    level(DRAINING, "1 while the worker drains.");
    level(BROKER_CONNECTED, "1 while the broker is connected.");
    level(BROKER_BLOCKED, "1 while the broker takes no messages.");
    level(INFO, "Always 1; program and version are the labels.");
    level(MEMORY, "Resident memory.");
    level(CPU, "User and system time since the start.");
}

fn describe_publisher() {
    let count = |name, text| describe_counter!(name, Unit::Count, text);
    let level = |name, text| describe_gauge!(name, text);
    count(
        ACCEPTED,
        "Messages given to the publisher, by outcome and code of a refusal.",
    );
    count(SENT, "Messages the broker has confirmed to the publisher.");
    count(
        NOT_TAKEN,
        "Messages the broker did not take from the publisher; they are tried again or set aside.",
    );
    level(
        PUBLISHER_LINK,
        "1 for the state of the publisher's way to the broker.",
    );
    level(
        PUBLISHER_IN_FLIGHT,
        "Messages of the publisher without a confirm yet.",
    );
    level(SPOOL_MESSAGES, "Messages that wait in the spool.");
    level(SPOOL_BYTES, "Bytes of the messages that wait in the spool.");
    level(
        SPOOL_ASIDE,
        "Messages set aside: the broker will not take them as they are.",
    );
    level(
        SPOOL_FAILING,
        "1 while the spool cannot be written or read.",
    );
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts of what is in memory are far below 2^52"
)]
fn float(count: usize) -> f64 {
    count as f64
}

#[allow(
    clippy::cast_precision_loss,
    reason = "what fits on a disk is far below 2^52"
)]
fn total(count: u64) -> f64 {
    count as f64
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}
