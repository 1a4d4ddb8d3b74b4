//! `/live`, `/ready`, `/health`, `/metrics` of a relay. Handlers read what is in memory.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::monitor::{Monitor, Snapshot};
use crate::broker::{BrokerStatus, ConnectionState};
use crate::config::Config;
use crate::operate::{HttpProblem, metrics, probes};
use crate::telemetry;

/// A relay as it is seen from outside.
#[derive(Debug)]
pub struct Service {
    version: &'static str,
    monitor: Arc<Monitor>,
    broker: watch::Receiver<BrokerStatus>,
    /// Password masked.
    database: String,
    stale_after: Duration,
}

const NAME: &str = "fanout-outbox";
/// Beyond the deadlines of what may run between two heartbeats.
const MARGIN: Duration = Duration::from_secs(10);

impl Service {
    /// The relay that keeps `monitor` up to date, with the deadlines of the configuration.
    pub fn new(
        config: &Config,
        monitor: Arc<Monitor>,
        broker: watch::Receiver<BrokerStatus>,
        version: &'static str,
    ) -> Self {
        let url = config.outbox.url.as_ref();
        let calls = config.outbox.call_timeout * 4 + config.outbox.connect_timeout;
        Self {
            version,
            monitor,
            broker,
            database: url.map_or_else(String::new, |url| crate::config::mask_url(url.expose())),
            stale_after: config.broker.confirm_timeout * 2 + calls + MARGIN,
        }
    }

    fn now(&self) -> (Snapshot, BrokerStatus) {
        (self.monitor.snapshot(), self.broker.borrow().clone())
    }

    fn is_stale(&self, seen: &Snapshot) -> bool {
        seen.heartbeat_age > self.stale_after
    }
}

/// The routes of a relay.
pub fn router(service: Service) -> Router {
    let all = [get(live), get(ready), get(health), get(exposition)];
    probes::only(all).with_state(Arc::new(service))
}

async fn live(State(service): State<Arc<Service>>) -> Response {
    if service.is_stale(&service.monitor.snapshot()) {
        return HttpProblem::new(StatusCode::SERVICE_UNAVAILABLE, "the relay hangs")
            .with("alive", false)
            .into_response();
    }
    Json(json!({ "alive": true })).into_response()
}

async fn ready(State(service): State<Arc<Service>>) -> Response {
    let (seen, broker) = service.now();
    let missing = probes::lacking([
        (broker.state != ConnectionState::Connected, "rabbitmq"),
        (!seen.connected, "postgresql"),
    ]);
    probes::readiness(&missing, seen.draining, None)
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    let (seen, broker) = service.now();
    let report = report(&service, &seen, &broker);
    let status = match report.get("status").and_then(Value::as_str) {
        Some("unhealthy") => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    (status, Json(report)).into_response()
}

fn report(service: &Service, seen: &Snapshot, broker: &BrokerStatus) -> Value {
    let issues = issues(service, seen, broker);
    let refused = seen
        .database_problem
        .as_ref()
        .is_some_and(|e| !e.is_temporary());
    let hopeless = refused || broker.fatal.is_some() || service.is_stale(seen);
    let status = match (hopeless, issues.is_empty()) {
        (true, _) => "unhealthy",
        (false, false) => "degraded",
        (false, true) => "healthy",
    };
    let connected = broker.state == ConnectionState::Connected;
    json!({
        "status": status,
        "rabbitmq": connected,
        "db": seen.connected,
        "service": NAME,
        "version": service.version,
        "draining": seen.draining,
        "dependencies": {
            "rabbitmq": {
                "status": broker.state.as_str(),
                "connected": connected,
                "pending_events": seen.waiting,
                "url": broker.url,
                "error": broker.last_error,
            },
            "postgresql": {
                "status": if seen.connected { "connected" } else { "disconnected" },
                "connected": seen.connected,
                "url": service.database,
                "error": seen.database_problem.as_ref().map(ToString::to_string),
            },
        },
        "issues": issues,
        "progress": {
            "waiting": seen.waiting,
            "oldest_seconds": seen.oldest.as_secs_f64(),
            "set_aside": seen.set_aside,
            "published": seen.published,
            "slots": seen.slots,
            "relays": seen.relays,
        },
    })
}

fn issues(service: &Service, seen: &Snapshot, broker: &BrokerStatus) -> Vec<String> {
    let mut issues = Vec::new();
    if service.is_stale(seen) {
        let age = seen.heartbeat_age.as_secs();
        issues.push(format!("relay-stale: the relay has not turned for {age} s"));
    }
    match &seen.database_problem {
        Some(error) => issues.push(format!("{}: {error}; still trying", error.code())),
        None if !seen.connected => {
            issues.push("outbox-not-connected: no answer from the database yet".to_owned());
        }
        None => {}
    }
    if let Some(fatal) = &broker.fatal {
        issues.push(format!("{}: {fatal}", fatal.code()));
    } else if broker.state != ConnectionState::Connected {
        let error = broker.last_error.as_deref().unwrap_or("no answer yet");
        issues.push(format!("broker-not-connected: {error}; still trying"));
    }
    if let Some(reason) = &broker.blocked {
        issues.push(format!(
            "broker-blocked: the broker takes no messages: {reason}"
        ));
    }
    if let Some(problem) = &seen.publish_problem {
        issues.push(format!("{}: {problem}; rows wait", problem.code()));
    }
    if let Some(code) = seen.flood {
        issues.push(format!(
            "flood-guard: most of the last rows cannot be published because of {code}; \
             single rows are tried"
        ));
    }
    if seen.set_aside > 0 {
        issues.push(format!(
            "set-aside: {} rows cannot be published; their reason stands beside them",
            seen.set_aside
        ));
    }
    issues
}

async fn exposition(State(service): State<Arc<Service>>) -> Response {
    let (seen, broker) = service.now();
    metrics::exposition(NAME, service.version, || {
        telemetry::outbox_state(&seen);
        telemetry::broker_state(&broker);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::outbox::OutboxError;

    fn service() -> Service {
        let status = BrokerStatus {
            state: ConnectionState::Connected,
            url: "amqp://h/".to_owned(),
            epoch: 1,
            failed_attempts: 0,
            last_error: None,
            blocked: None,
            fatal: None,
        };
        let mut config = Config::default();
        let url = "postgres://relay:s3cret@db/shop";
        config.outbox.url = Some(crate::config::Secret::new(url));
        Service::new(
            &config,
            Arc::default(),
            watch::Sender::new(status).subscribe(),
            "1",
        )
    }

    fn judged(service: &Service) -> Value {
        let (seen, broker) = service.now();
        report(service, &seen, &broker)
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_is_healthy_once_connected_and_shows_no_password() {
        let service = service();
        assert_eq!(judged(&service)["status"], "degraded");
        service.monitor.connected();
        let report = judged(&service);
        assert_eq!(report["status"], "healthy", "{report}");
        assert!(!report.to_string().contains("s3cret"), "{report}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_heals_by_itself_degrades_and_the_rest_needs_somebody() {
        let service = service();
        let away = OutboxError::NotConnected("away".to_owned());
        service.monitor.disconnected(&away);
        assert_eq!(judged(&service)["status"], "degraded");
        let gone = OutboxError::Table("gone".to_owned());
        service.monitor.disconnected(&gone);
        let report = judged(&service);
        assert_eq!(report["status"], "unhealthy");
        assert!(
            report["issues"][0]
                .as_str()
                .unwrap()
                .starts_with("outbox-table: ")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_that_shows_no_sign_of_life_is_unhealthy() {
        let service = service();
        service.monitor.connected();
        tokio::time::advance(service.stale_after + Duration::from_secs(1)).await;
        assert_eq!(judged(&service)["status"], "unhealthy");
        service.monitor.beat();
        assert_eq!(judged(&service)["status"], "healthy");
    }
}
