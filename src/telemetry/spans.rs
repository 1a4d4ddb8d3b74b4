//! What a trace shows of the way of events: the request that brings them, their publication,
//! each batch.
//!
//! Spans of `tracing` that have a field `otel.kind`; processors add theirs, of kind `client`.
//! Names are those of OpenTelemetry's semantic conventions. The log takes none of them, and
//! where no exporter does (feature `otlp`) they cost a look at a flag per batch.

use std::fmt::Display;

use fanout_contract::{Event, Outcome};
use tracing::field::Empty;
use tracing::{Metadata, Span, info_span};

/// Whether it belongs to traces, not to the log.
#[cfg_attr(not(feature = "cli"), allow(dead_code))]
pub(crate) fn is_of_a_trace(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.fields().field("otel.kind").is_some()
}

/// The call of the processor with these events, linked to where each of them was published.
pub(crate) fn process(queue: impl Display, events: &[Event]) -> Span {
    let span = info_span!(
        target: "fanout::spans",
        "process",
        otel.name = format!("process {queue}"),
        otel.kind = "consumer",
        otel.status_code = Empty,
        messaging.system = "rabbitmq",
        messaging.destination.name = %queue,
        "messaging.operation.name" = "process",
        "messaging.operation.type" = "process",
        messaging.batch.message_count = events.len(),
        "error.type" = Empty,
        fanout.events.applied = Empty,
        fanout.events.skipped = Empty,
        fanout.events.failed = Empty,
    );
    #[cfg(feature = "otlp")]
    if !span.is_disabled() {
        super::otlp::link(&span, events.iter().map(Event::trace_parent));
    }
    span
}

/// What the processor has answered.
pub(crate) fn answered(span: &Span, outcomes: &[Outcome]) {
    if span.is_disabled() {
        return;
    }
    let (mut applied, mut skipped, mut failed) = (0_u64, 0_u64, 0_u64);
    let mut code = None;
    for outcome in outcomes {
        match outcome {
            Outcome::Applied(_) => applied += 1,
            Outcome::Skipped(_) => skipped += 1,
            Outcome::Failed(failure) => {
                failed += 1;
                code.get_or_insert(failure.code().as_str());
            }
        }
    }
    span.record("fanout.events.applied", applied);
    span.record("fanout.events.skipped", skipped);
    span.record("fanout.events.failed", failed);
    if let Some(code) = code {
        span.record("error.type", code);
        span.record("otel.status_code", "ERROR");
    }
}

/// A request that brings events; `parent` is its `traceparent`, where it has one.
#[cfg(feature = "cli")]
pub(crate) fn request(parent: Option<&str>) -> Span {
    let span = info_span!(
        target: "fanout::spans",
        "POST /events",
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = "POST",
        http.route = "/events",
        url.path = "/events",
        http.response.status_code = Empty,
        "error.type" = Empty,
    );
    #[cfg(feature = "otlp")]
    if !span.is_disabled() {
        super::otlp::continues(&span, parent);
    }
    #[cfg(not(feature = "otlp"))]
    let _ = parent;
    span
}

/// It was answered.
#[cfg(feature = "cli")]
pub(crate) fn responded(span: &Span, status: u16) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("error.type", status.to_string());
        span.record("otel.status_code", "ERROR");
    }
}

/// Events on their way to the broker or a spool: those of a request, inside its span, of a file,
/// or of a batch of rows.
#[cfg(feature = "cli")]
pub(crate) fn publish(exchange: impl Display) -> Span {
    info_span!(
        target: "fanout::spans",
        "publish",
        otel.name = format!("publish {exchange}"),
        otel.kind = "producer",
        otel.status_code = Empty,
        messaging.system = "rabbitmq",
        messaging.destination.name = %exchange,
        "messaging.operation.name" = "publish",
        "messaging.operation.type" = "send",
        messaging.batch.message_count = Empty,
        "error.type" = Empty,
        fanout.events.rejected = Empty,
    )
}

/// How many were taken, and how many not.
#[cfg(feature = "cli")]
pub(crate) fn published(span: &Span, accepted: usize, rejected: usize) {
    span.record("messaging.batch.message_count", accepted);
    span.record("fanout.events.rejected", rejected);
}

/// The `traceparent` of what happens inside this span; none where nobody takes it.
#[cfg(feature = "cli")]
pub(crate) fn trace_parent(span: &Span) -> Option<String> {
    #[cfg(feature = "otlp")]
    return super::otlp::trace_parent(span);
    #[cfg(not(feature = "otlp"))]
    {
        let _ = span;
        None
    }
}

#[cfg(all(test, feature = "cli"))]
#[path = "spans_tests.rs"]
mod tests;
