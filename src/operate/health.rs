//! The answer of `GET /health`: status, dependencies, issues, progress.
//!
//! *Degraded* heals by itself once something outside is well again; *unhealthy* needs
//! somebody.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::vitals::{Moment, STALE_AFTER, Vitals};
use crate::broker::{BrokerStatus, ConnectionState};
use crate::engine::Snapshot;

/// Overall judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing to report.
    Healthy,
    /// Something is away or refuses; the worker keeps trying.
    Degraded,
    /// Does not come back by itself.
    Unhealthy,
}

/// The answer of `GET /health`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Overall judgement.
    pub status: Status,
    /// Whether the broker is connected.
    pub rabbitmq: bool,
    /// Whether the destination takes batches.
    pub db: bool,
    /// Name of the program.
    pub service: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Whether a shutdown is under way.
    pub draining: bool,
    /// The broker as `rabbitmq`, the destination by the name of its processor.
    pub dependencies: BTreeMap<String, Dependency>,
    /// What is not as it should be, each as `code: text`.
    pub issues: Vec<String>,
    /// What has become of events so far; the gateway has no queue of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

/// Something outside that the worker needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Dependency {
    /// `disconnected`, `connecting`, `connected` or `failed`.
    pub status: &'static str,
    /// Whether it can be used.
    pub connected: bool,
    /// Broker: deliveries taken and not settled yet; in the gateway, events accepted and not
    /// with the broker yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_events: Option<usize>,
    /// Broker: the URL in use or tried last, password masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Destination: `closed`, `open` or `half-open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<&'static str>,
    /// The last error while it is not connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What has become of events since the start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// The queue.
    pub queue: String,
    /// Lanes with a consumer at the broker.
    pub consuming_lanes: usize,
    /// All lanes.
    pub lanes: usize,
    /// Seconds since an event was settled; null before the first.
    pub last_settled_seconds: Option<f64>,
    /// Applied.
    pub applied: u64,
    /// Skipped with a reason.
    pub skipped: u64,
    /// Sent to a retry stage.
    pub retried: u64,
    /// Dead-lettered.
    pub dead_lettered: u64,
}

impl Report {
    /// The report at one moment.
    pub fn of(vitals: &Vitals, moment: &Moment) -> Self {
        let dependencies = [
            (
                "rabbitmq".to_owned(),
                Dependency::broker(&moment.broker, moment.engine.in_flight),
            ),
            (
                vitals.processor.clone(),
                Dependency::destination(&moment.engine),
            ),
        ];
        let issues = issues(vitals, moment);
        let hopeless = moment.broker.fatal.is_some() || !moment.stale_lanes().is_empty();
        Self {
            status: match (hopeless, issues.is_empty()) {
                (true, _) => Status::Unhealthy,
                (false, false) => Status::Degraded,
                (false, true) => Status::Healthy,
            },
            rabbitmq: moment.broker_is_there(),
            db: moment.destination_is_there(),
            service: vitals.service,
            version: vitals.version,
            draining: moment.engine.draining,
            dependencies: dependencies.into(),
            issues,
            progress: Some(progress(vitals, moment)),
        }
    }
}

impl IntoResponse for Report {
    fn into_response(self) -> Response {
        let status = match self.status {
            Status::Healthy | Status::Degraded => StatusCode::OK,
            Status::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(self)).into_response()
    }
}

impl Dependency {
    /// Where a queue's events are projected to.
    pub(crate) fn destination(engine: &Snapshot) -> Self {
        let status = match (engine.breaker, &engine.destination_problem) {
            ("closed", None) => "connected",
            ("open", Some(_)) => "failed",
            _ => "connecting",
        };
        Self {
            status,
            connected: engine.breaker == "closed" && engine.destination_problem.is_none(),
            breaker: Some(engine.breaker),
            error: engine.destination_problem.as_ref().map(ToString::to_string),
            ..Self::default()
        }
    }

    /// The broker, with the events that wait on the way to or from it.
    pub(crate) fn broker(status: &BrokerStatus, pending_events: usize) -> Self {
        Self {
            status: status.state.as_str(),
            connected: status.state == ConnectionState::Connected,
            pending_events: Some(pending_events),
            url: Some(status.url.clone()),
            breaker: None,
            error: status.last_error.clone(),
        }
    }
}

fn issues(vitals: &Vitals, moment: &Moment) -> Vec<String> {
    let mut issues = Vec::new();
    for lane in moment.stale_lanes() {
        issues.push(format!(
            "lane-stale: lane {lane} has not turned for more than {} s",
            STALE_AFTER.as_secs()
        ));
    }
    issues.extend(broker_issues(&moment.broker));
    publish_issue(moment, &mut issues);
    let engine = &moment.engine;
    issues.extend(destination_issues(engine, &vitals.processor, &vitals.queue));
    if let (Some(idle), 1..) = (moment.engine.last_settled, moment.engine.in_flight)
        && idle > vitals.deadline * 2
        && !moment.engine.draining
    {
        issues.push(format!(
            "no-progress: {} deliveries are held and nothing was settled for {} s",
            moment.engine.in_flight,
            idle.as_secs()
        ));
    }
    issues
}

/// What is wrong with the broker, each as `code: text`.
pub(crate) fn broker_issues(status: &BrokerStatus) -> Vec<String> {
    let mut issues = Vec::new();
    if let Some(fatal) = &status.fatal {
        issues.push(format!("{}: {fatal}", fatal.code()));
    } else if status.state != ConnectionState::Connected {
        let error = status.last_error.as_deref().unwrap_or("no answer yet");
        issues.push(format!(
            "broker-not-connected: {} at {} after {} failed attempts: {error}; still trying",
            status.state.as_str(),
            status.url,
            status.failed_attempts
        ));
    }
    if let Some(reason) = &status.blocked {
        issues.push(format!(
            "broker-blocked: the broker takes no messages: {reason}"
        ));
    }
    issues
}

fn publish_issue(moment: &Moment, issues: &mut Vec<String>) {
    if let Some(problem) = &moment.engine.publish_problem {
        issues.push(format!(
            "{}: {} takes no messages: {}; nothing is acknowledged meanwhile",
            problem.code, problem.target, problem.message
        ));
    }
}

/// What is wrong with a destination, each as `code: text`.
pub(crate) fn destination_issues(engine: &Snapshot, processor: &str, queue: &str) -> Vec<String> {
    let mut issues = Vec::new();
    match &engine.destination_problem {
        Some(problem) => issues.push(format!(
            "{}: {processor}: {}; the breaker is {}",
            problem.code(),
            problem.message(),
            engine.breaker
        )),
        None if engine.breaker != "closed" => issues.push(format!(
            "destination-not-ready: {processor} has not answered yet; the breaker is {}",
            engine.breaker
        )),
        None => {}
    }
    if engine.paused {
        issues.push(format!(
            "paused: consumption of {queue} is paused by an operator; fanout queue resume lifts it"
        ));
    }
    if let Some(code) = engine.flood {
        issues.push(format!(
            "flood-guard: most of the last events would be dead-lettered as {code}; \
             consumption of {queue} pauses"
        ));
    }
    issues
}

fn progress(vitals: &Vitals, moment: &Moment) -> Progress {
    let engine = &moment.engine;
    Progress {
        queue: vitals.queue.clone(),
        consuming_lanes: engine.lanes.iter().filter(|lane| lane.consuming).count(),
        lanes: engine.lanes.len(),
        last_settled_seconds: engine.last_settled.map(|age| age.as_secs_f64()),
        applied: engine.counts.applied,
        skipped: engine.counts.skipped,
        retried: engine.counts.retried,
        dead_lettered: engine.counts.dead_lettered,
    }
}
