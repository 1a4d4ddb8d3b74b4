//! Around every request: a log line without payloads, metrics, and a guard against panics.

use std::panic::AssertUnwindSafe;

use axum::extract::{MatchedPath, Request};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::time::Instant;

use crate::operate::{HttpProblem, Peer};
use crate::telemetry::{self, HttpRequest};

/// Paths are shown up to here: they come from outside.
const LONGEST_PATH: usize = 200;

/// What became of the events of a request; stands in the extensions of its answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Events {
    pub(super) accepted: usize,
    pub(super) rejected: usize,
}

pub(super) async fn log(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let peer = request.extensions().get::<Peer>().map(|Peer(addr)| *addr);
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map(|path| path.as_str().to_owned());
    let path: String = request.uri().path().chars().take(LONGEST_PATH).collect();
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response = answered.unwrap_or_else(|_| {
        telemetry::log::request_panicked(&path);
        let detail = "an error of the gateway itself";
        HttpProblem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
    });
    let events = response.extensions().get::<Events>().copied();
    let events = events.unwrap_or_default();
    telemetry::http_request(&HttpRequest {
        method: method.as_str(),
        route: route.as_deref().unwrap_or("unmatched"),
        path: &path,
        status: response.status().as_u16(),
        took: started.elapsed(),
        accepted: events.accepted,
        rejected: events.rejected,
        peer,
    });
    response
}
