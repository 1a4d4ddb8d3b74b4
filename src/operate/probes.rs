//! What the probes of all our programs have in common: paths, and how readiness is told.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use axum::{Json, Router};
use serde_json::json;

use super::problem::HttpProblem;

/// The probes of a program that has nothing else on its port: live, ready, health, metrics.
pub(crate) fn only<S>([live, ready, health, metrics]: [MethodRouter<S>; 4]) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/live", live)
        .route("/ready", ready)
        .route("/health", health)
        .route("/metrics", metrics)
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
}

/// The names of those that are lacking.
pub(crate) fn lacking<'a>(all: impl IntoIterator<Item = (bool, &'a str)>) -> Vec<&'a str> {
    let lacking = all.into_iter().filter(|(is_lacking, _)| *is_lacking);
    lacking.map(|(_, what)| what).collect()
}

/// Ready where nothing is missing and it does not drain; else why not, in other words than
/// the names of what is missing where there are any.
pub(crate) fn readiness(missing: &[&str], draining: bool, why: Option<String>) -> Response {
    if missing.is_empty() && !draining {
        return Json(json!({ "ready": true })).into_response();
    }
    let detail = match draining {
        true => "draining".to_owned(),
        false => why.unwrap_or_else(|| format!("missing: {}", missing.join(", "))),
    };
    HttpProblem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        .with("ready", false)
        .with("missing", missing)
        .with("draining", draining)
        .into_response()
}

async fn unknown() -> HttpProblem {
    let detail = "known: /live, /ready, /health, /metrics";
    HttpProblem::new(StatusCode::NOT_FOUND, detail)
}

async fn wrong_method() -> HttpProblem {
    HttpProblem::new(StatusCode::METHOD_NOT_ALLOWED, "use GET")
}
