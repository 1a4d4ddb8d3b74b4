//! `/live`, `/ready`, `/health`, `/metrics` of the gateway. They read what is in memory and
//! ask nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::Instant;

use super::{Gateway, SERVICE};
use crate::broker::{BrokerStatus, ConnectionState};
use crate::operate::health::{Dependency, Report, Status, broker_issues, destination_issues};
use crate::operate::metrics;
use crate::operate::probes::{lacking, readiness};
use crate::telemetry;

impl Gateway {
    pub(super) fn broker_status(&self) -> BrokerStatus {
        self.broker.status().borrow().clone()
    }

    /// Whether the intake has refused for want of room, and has asked not to be asked again
    /// yet. Passes by itself: readiness that needs a success to come back never would.
    fn is_full(&self) -> bool {
        self.full_until
            .borrow()
            .is_some_and(|until| Instant::now() < until)
    }

    /// What keeps it from taking events; empty = ready. The broker may be away as long as
    /// events find room on disk, unless it is required.
    fn missing(&self) -> Vec<&'static str> {
        let away = self.broker_status().state != ConnectionState::Connected;
        lacking([
            (
                away && (self.config.broker.required || self.is_full()),
                "rabbitmq",
            ),
            (self.is_full(), "room"),
        ])
    }

    fn report(&self) -> Report {
        let status = self.broker_status();
        let mut issues = broker_issues(&status);
        issues.extend(self.intake.issues());
        let backlog = self.intake.backlog();
        if self.is_full() {
            issues.push(format!(
                "intake-full: {} events wait for the broker and no more are taken",
                backlog.messages
            ));
        }
        let pending = usize::try_from(backlog.messages).unwrap_or(usize::MAX);
        let mut dependencies = BTreeMap::new();
        for (key, monitor) in &self.destinations {
            let engine = monitor.snapshot();
            issues.extend(destination_issues(&engine, key, key));
            dependencies.insert(key.clone(), Dependency::destination(&engine));
        }
        // Of the databases it writes to, where it writes to any.
        let db = dependencies.values().all(|one| one.connected);
        let broker = Dependency::broker(&status, pending);
        Report {
            status: match (status.fatal.is_some(), issues.is_empty()) {
                (true, _) => Status::Unhealthy,
                (false, false) => Status::Degraded,
                (false, true) => Status::Healthy,
            },
            rabbitmq: broker.connected,
            db,
            service: SERVICE,
            version: self.version,
            draining: self.draining.is_cancelled(),
            dependencies: {
                dependencies.insert("rabbitmq".to_owned(), broker);
                dependencies
            },
            issues,
            progress: None,
        }
    }
}

pub(super) async fn live() -> Response {
    Json(json!({ "alive": true })).into_response()
}

pub(super) async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    readiness(&gateway.missing(), gateway.draining.is_cancelled(), None)
}

pub(super) async fn health(State(gateway): State<Arc<Gateway>>) -> Response {
    gateway.report().into_response()
}

pub(super) async fn exposition(State(gateway): State<Arc<Gateway>>) -> Response {
    metrics::exposition(SERVICE, gateway.version, || {
        telemetry::broker_state(&gateway.broker_status());
        gateway.intake.observe();
        telemetry::backlog(gateway.intake.backlog(), gateway.draining.is_cancelled());
    })
}

#[cfg(test)]
mod tests {
    use fanout_contract::{Failure, codes};
    use futures::future::BoxFuture;

    use super::*;
    use crate::broker::Message;
    use crate::broker::local::LocalBroker;
    use crate::config::Config;
    use crate::engine::Monitor;
    use crate::publish::{Accepted, Backlog, Intake, NotAccepted};
    use crate::topology::Topology;

    struct Nothing;

    impl Intake for Nothing {
        fn accept(&self, _: Message) -> BoxFuture<'_, Result<Accepted, NotAccepted>> {
            panic!("health accepts nothing")
        }

        fn backlog(&self) -> Backlog {
            Backlog::default()
        }
    }

    #[tokio::test]
    async fn where_it_projects_itself_the_destinations_stand_in_health() {
        let config = Config::default();
        let broker = LocalBroker::start(Topology::from_config(&config));
        let monitor = Arc::new(Monitor::new(1));
        let gateway = Gateway::new(config, "1.2.3", Arc::new(Nothing), Arc::new(broker));
        let gateway = gateway.with_destinations(vec![("neo4j".to_owned(), monitor.clone())]);
        monitor.breaker("closed", None);
        let report = gateway.report();
        assert_eq!((report.status, report.db), (Status::Healthy, true));
        assert!(report.dependencies["neo4j"].connected && report.rabbitmq);
        let failure = Failure::unavailable(codes::DESTINATION_UNREACHABLE, "refused");
        monitor.breaker("open", Some(failure));
        let report = gateway.report();
        assert_eq!((report.status, report.db), (Status::Degraded, false));
        assert!(report.issues[0].starts_with("destination-unreachable: neo4j"));
    }
}
