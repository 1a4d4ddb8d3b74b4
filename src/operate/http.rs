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
use super::probes;
use super::problem::HttpProblem;
use super::vitals::Vitals;
use crate::telemetry;

/// The routes of a worker.
pub fn router(vitals: Vitals) -> Router {
    let all = [get(live), get(ready), get(health), get(exposition)];
    probes::only(all).with_state(Arc::new(vitals))
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
    let flood = moment.engine.flood;
    let why = flood.map(|code| format!("the flood guard pauses because of {code}"));
    probes::readiness(&missing, moment.engine.draining, why)
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
