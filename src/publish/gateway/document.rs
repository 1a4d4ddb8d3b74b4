//! `/openapi.json`: what there is, for programs that make clients.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::Gateway;

/// The document, with a placeholder for the version.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

pub(super) async fn answer(State(gateway): State<Arc<Gateway>>) -> Response {
    let text = DOCUMENT.replace("{version}", gateway.version);
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], text).into_response()
}
