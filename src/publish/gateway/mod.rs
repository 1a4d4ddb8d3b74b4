//! The way in over HTTP: requests become messages, and an answer says which are safe.
//!
//! ```text
//! guard ─▶ events: body ─▶ lines or array ─▶ drafts ─▶ stamp ─▶ Intake ─▶ answer per event
//! ```
//!
//! `operate::serve_until` brings the connections, [`Intake`] carries the messages on, `rabbitmq`
//! and `probes` tell an operator what there is. Invariant: an event is named in `ids` only
//! once the intake has answered for it.

mod access;
mod budget;
mod dashboard;
mod dlq;
mod document;
mod event;
mod events;
mod guard;
mod pauses;
mod probes;
mod rabbitmq;
mod rights;
mod sampler;
mod schemas;
mod wait;

pub use schemas::{SchemaError, Schemas};

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::budget::Budget;
use self::dlq::Dlq;
use self::guard::Guard;
use super::{Intake, Stamper};
use crate::broker::Purge;
use crate::codec::Codec;
use crate::config::Config;
use crate::engine::Monitor;
use crate::operate::dlq::Workbench;
use crate::operate::whereabouts::Stores;
use crate::operate::{ConnectionLimits, HttpProblem};

/// Name of the program in health, metrics and `app_id`.
pub const SERVICE: &str = "fanout-serve";

/// Method and path of every call there is; the document at `/openapi.json` has the same.
pub const ROUTES: [(&str, &str); 20] = [
    ("get", "/live"),
    ("get", "/ready"),
    ("get", "/health"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
    ("post", "/events"),
    ("get", "/events/{id}"),
    ("get", "/rabbitmq/health"),
    ("get", "/rabbitmq/queues"),
    ("get", "/rabbitmq/queues/{name}"),
    ("post", "/rabbitmq/queues/{name}/purge"),
    ("get", "/dlq"),
    ("get", "/dlq/groups"),
    ("get", "/dlq/{id}"),
    ("get", "/dlq/replay"),
    ("post", "/dlq/replay"),
    ("post", "/dlq/purge"),
    ("post", "/rabbitmq/queues/{name}/pause"),
    ("post", "/rabbitmq/queues/{name}/resume"),
    ("get", "/scaling/{name}"),
];

/// A request line with its headers arrives within this time, and a connection idles no longer
/// between two requests. Clients keep theirs for a minute or so and send on one that is just
/// being closed now and then: the shorter, the more often.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// Attributes of CloudEvents travel in headers; a frame of AMQP holds 128 KiB of them.
const LARGEST_HEAD: usize = 32 * 1024;
/// Connections are renewed after this time, so that load spreads over new replicas.
const LIFETIME: Duration = Duration::from_secs(300);
/// Streams of lines at once: each holds a connection for as long as it takes.
const STREAMS: usize = 64;
/// A stream of lines ends within this time, however slowly it comes.
const STREAM_WITHIN: Duration = Duration::from_secs(120);

/// What all requests share.
pub struct Gateway {
    config: Config,
    version: &'static str,
    intake: Arc<dyn Intake>,
    broker: Arc<dyn Purge>,
    stamper: Stamper,
    schemas: Schemas,
    /// Where this program projects to itself: key of the queue, its engine.
    destinations: Vec<(String, Arc<Monitor>)>,
    /// What is asked whether events are applied.
    stores: Stores,
    dlq: Dlq,
    guard: Guard,
    budget: Budget,
    requests: Semaphore,
    streams: Semaphore,
    waits: Semaphore,
    looks: Semaphore,
    /// Until when nothing more is taken, by the last refusal of the intake.
    full_until: watch::Sender<Option<Instant>>,
    draining: CancellationToken,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway of this configuration in front of `intake`. The broker is asked about its
    /// queues and its connection; nothing is published past the intake.
    pub fn new(
        config: Config,
        version: &'static str,
        intake: Arc<dyn Intake>,
        broker: Arc<dyn Purge>,
    ) -> Self {
        let bench = Workbench::new(broker.clone(), &config, SERVICE);
        let dlq = Dlq::new(bench, config.dlq.redact.clone());
        let limits = &config.gateway;
        let first = config.exchanges.first().map(|exchange| &exchange.name);
        let stamper = Stamper {
            codec: Codec::from_config(&config),
            exchange: limits
                .exchange
                .as_ref()
                .or(first)
                .cloned()
                .unwrap_or_default(),
            routing_key: None,
            app_id: SERVICE.to_owned(),
            limit: config.broker.max_message_bytes,
        };
        Self {
            guard: Guard::new(&config.http),
            budget: Budget::new(limits.max_buffered),
            requests: Semaphore::new(limits.max_requests),
            streams: Semaphore::new(STREAMS),
            waits: Semaphore::new(wait::WAITS),
            looks: Semaphore::new(event::LOOKS),
            full_until: watch::Sender::new(None),
            draining: CancellationToken::new(),
            config,
            version,
            intake,
            broker,
            stamper,
            schemas: Schemas::default(),
            destinations: Vec::new(),
            stores: Stores::new(),
            dlq,
        }
    }

    /// Holds payloads to these schemas.
    #[must_use]
    pub fn with_schemas(self, schemas: Schemas) -> Self {
        Self { schemas, ..self }
    }

    /// Names the queues, by key, that this program takes to their processors itself: their
    /// destinations stand in health.
    #[must_use]
    pub fn with_destinations(self, destinations: Vec<(String, Arc<Monitor>)>) -> Self {
        Self {
            destinations,
            ..self
        }
    }

    /// Names the stores of the queues, so that a client can wait until they have its events.
    #[must_use]
    pub fn with_stores(self, stores: Stores) -> Self {
        let bench = self.dlq.bench.clone().with_stores(stores.clone());
        let dlq = Dlq::new(bench, self.config.dlq.redact.clone());
        Self {
            stores,
            dlq,
            ..self
        }
    }

    /// The exchange that events go to.
    pub fn exchange(&self) -> &str {
        &self.stamper.exchange
    }

    /// Readiness drops; requests under way go on. Give the same token to `operate::serve_until`.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// The limits to serve it with.
    pub fn connection_limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            connections: self.config.gateway.max_connections,
            headers_within: HEADERS_WITHIN,
            largest_head: LARGEST_HEAD,
            lifetime: LIFETIME,
            ends_within: STREAM_WITHIN + self.config.gateway.accept_timeout,
        }
    }

    /// All routes.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/live", get(probes::live))
            .route("/ready", get(probes::ready))
            .route("/health", get(probes::health))
            .route("/metrics", get(probes::exposition))
            .route("/openapi.json", get(document::answer))
            .route("/events", post(events::post))
            .route("/events/{id}", get(event::event))
            .route("/rabbitmq/health", get(rabbitmq::health))
            .route("/", get(dashboard::page))
            .route("/dashboard.css", get(dashboard::style))
            .route("/dashboard.js", get(dashboard::script))
            .route("/rabbitmq/queues", get(rabbitmq::queues))
            .route("/rabbitmq/queues/{name}", get(rabbitmq::queue))
            .route("/rabbitmq/queues/{name}/purge", post(rabbitmq::purge))
            .route("/dlq", get(dlq::list))
            .route("/dlq/groups", get(dlq::groups))
            .route("/dlq/replay", get(dlq::state).post(dlq::replay))
            .route("/dlq/purge", post(dlq::purge))
            .route("/dlq/{id}", get(dlq::show))
            .route("/rabbitmq/queues/{name}/pause", post(pauses::pause))
            .route("/rabbitmq/queues/{name}/resume", post(pauses::resume))
            .route("/scaling/{name}", get(rabbitmq::scaling))
            .fallback(unknown)
            .method_not_allowed_fallback(wrong_method)
            .layer(middleware::from_fn(access::log))
            .with_state(self)
    }
}

async fn unknown() -> HttpProblem {
    let detail = "no such path; /openapi.json describes those there are";
    HttpProblem::new(StatusCode::NOT_FOUND, detail)
}

async fn wrong_method() -> HttpProblem {
    let detail = "no such method on this path; /openapi.json describes those there are";
    HttpProblem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
