//! Errors over HTTP: `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// An error answer.
#[derive(Clone, Debug)]
pub struct HttpProblem {
    status: StatusCode,
    members: Map<String, Value>,
}

impl HttpProblem {
    /// An error with this status; the title is the one of the status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("error");
        let members = [
            ("type", Value::from("about:blank")),
            ("title", Value::from(title)),
            ("status", Value::from(status.as_u16())),
            ("detail", Value::from(detail.into())),
        ];
        let members = members.map(|(name, value)| (name.to_owned(), value));
        Self {
            status,
            members: members.into_iter().collect(),
        }
    }

    /// The same error with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }
}

impl IntoResponse for HttpProblem {
    fn into_response(self) -> Response {
        let body = Value::Object(self.members).to_string();
        let json = HeaderValue::from_static("application/problem+json");
        (self.status, [(header::CONTENT_TYPE, json)], body).into_response()
    }
}
