//! What the gateway tells: requests, events, what waits.

use std::net::SocketAddr;
use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use super::{DRAINING, flag, log, total};

const HTTP_DURATION: &str = "http_server_request_duration_seconds";
const EVENTS_POSTED: &str = "fanout_gateway_events_total";
const PENDING_EVENTS: &str = "fanout_pending_events";

/// Events of a request over HTTP: `outcome` is confirmed, spooled or rejected; `code` the
/// reason, or empty.
pub fn events_posted(outcome: &'static str, code: &str, events: usize) {
    if events > 0 {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        counter!(EVENTS_POSTED, "outcome" => outcome, "code" => code.to_owned()).increment(events);
    }
}

/// What was accepted and is not with the broker yet, read when somebody asks.
pub fn backlog(backlog: crate::publish::Backlog, draining: bool) {
    gauge!(PENDING_EVENTS).set(total(backlog.messages));
    gauge!(DRAINING).set(flag(draining));
}

/// A request over HTTP and its answer, without anything of either's body.
#[derive(Clone, Copy, Debug)]
pub struct HttpRequest<'a> {
    /// Method as it was sent.
    pub method: &'a str,
    /// The route it matched, such as `/rabbitmq/queues/{name}`.
    pub route: &'a str,
    /// The path as it was sent, without the query.
    pub path: &'a str,
    /// Status of the answer.
    pub status: u16,
    /// From the head of the request to the head of the answer.
    pub took: Duration,
    /// Events taken.
    pub accepted: usize,
    /// Events not taken.
    pub rejected: usize,
    /// Who asked.
    pub peer: Option<SocketAddr>,
}

/// A request over HTTP was answered: the access log and its metric. Probes and scrapers are
/// told at debug level.
pub fn http_request(request: &HttpRequest<'_>) {
    let HttpRequest {
        method,
        route,
        path,
        status,
        ..
    } = *request;
    let known = ["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"];
    let label = known.into_iter().find(|known| *known == method);
    histogram!(
        HTTP_DURATION,
        "http_request_method" => label.unwrap_or("_OTHER"),
        "http_route" => route.to_owned(),
        "http_response_status_code" => status.to_string(),
    )
    .record(request.took);
    let took_ms = request.took.as_secs_f64() * 1000.0;
    let peer = request.peer.map(|peer| peer.to_string());
    if method == "GET" && status < 500 {
        tracing::debug!(target: "fanout::access", method, path, status, took_ms, peer, "request");
    } else {
        log::request(request, took_ms, peer.as_deref());
    }
}

/// Says of each metric what it means.
pub(super) fn describe() {
    describe_histogram!(
        HTTP_DURATION,
        Unit::Seconds,
        "From a request's head to its answer's."
    );
    describe_counter!(
        EVENTS_POSTED,
        Unit::Count,
        "Events posted over HTTP, by outcome and reason code."
    );
    describe_gauge!(
        PENDING_EVENTS,
        "Events accepted and not with the broker yet."
    );
}
