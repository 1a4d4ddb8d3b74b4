//! `/live`, `/ready`, `/health`, `/metrics`.
//!
//! Handlers read what is in memory and ask nobody: an answer tells the truth when a
//! dependency hangs, too.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::health::Report;
use super::metrics;
use super::problem::HttpProblem;
use super::vitals::Vitals;
use crate::telemetry;

/// The routes of a worker.
pub fn router(vitals: Vitals) -> Router {
    Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/health", get(health))
        .route("/metrics", get(exposition))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::new(vitals))
}

async fn live(State(vitals): State<Arc<Vitals>>) -> Response {
    let stale = vitals.now().stale_lanes();
    if stale.is_empty() {
        return Json(json!({ "alive": true })).into_response();
    }
    HttpProblem::new(StatusCode::SERVICE_UNAVAILABLE, "lanes hang")
        .with("alive", false)
        .with("stale_lanes", stale)
        .into_response()
}

async fn ready(State(vitals): State<Arc<Vitals>>) -> Response {
    let moment = vitals.now();
    let missing = moment.missing(&vitals.processor);
    if missing.is_empty() && !moment.engine.draining {
        return Json(json!({ "ready": true })).into_response();
    }
    let detail = match (moment.engine.draining, moment.engine.flood) {
        (true, _) => "draining".to_owned(),
        (false, Some(code)) => format!("the flood guard pauses because of {code}"),
        (false, None) => format!("missing: {}", missing.join(", ")),
    };
    HttpProblem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        .with("ready", false)
        .with("missing", missing)
        .with("draining", moment.engine.draining)
        .into_response()
}

async fn health(State(vitals): State<Arc<Vitals>>) -> Response {
    Report::of(&vitals, &vitals.now()).into_response()
}

async fn exposition(State(vitals): State<Arc<Vitals>>) -> Response {
    metrics::exposition(vitals.service, vitals.version, || {
        let moment = vitals.now();
        telemetry::worker_state(&vitals.queue, &moment.engine);
        telemetry::broker_state(&moment.broker);
    })
}

async fn unknown() -> HttpProblem {
    let detail = "known: /live, /ready, /health, /metrics";
    HttpProblem::new(StatusCode::NOT_FOUND, detail)
}

async fn wrong_method() -> HttpProblem {
    HttpProblem::new(StatusCode::METHOD_NOT_ALLOWED, "use GET")
}
