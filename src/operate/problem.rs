//! Errors over HTTP: `application/problem+json` (RFC 9457).

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// An error answer.
#[derive(Clone, Debug)]
pub struct HttpProblem {
    status: StatusCode,
    retry_after: Option<Duration>,
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
            retry_after: None,
            members: members.into_iter().collect(),
        }
    }

    /// The same error with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The same error, worth another try after this time: the header `Retry-After`, in whole
    /// seconds, and the member `retry_after`.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let wait = Duration::from_secs(seconds.max(1));
        self.retry_after = Some(wait);
        self.with("retry_after", wait.as_secs())
    }

    /// Status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// When to try again, where that may help.
    pub fn worth_retrying(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The reason code, where there is one.
    pub fn code(&self) -> &str {
        self.members
            .get("code")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The error as a part of another answer.
    pub fn into_value(self) -> Value {
        Value::Object(self.members)
    }
}

impl IntoResponse for HttpProblem {
    fn into_response(self) -> Response {
        let body = Value::Object(self.members).to_string();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
