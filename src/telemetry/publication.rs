//! The publication of what is sent as one: a file, or a batch of rows.

use std::fmt::Display;

use tracing::Span;

use super::spans;
use crate::broker::{HeaderValue, Message};
use crate::topology::names::headers as names;

/// Its span, from the first message to the last confirm.
#[derive(Debug)]
pub(crate) struct Publication {
    span: Span,
    /// None where nobody takes spans.
    trace_parent: Option<HeaderValue>,
}

impl Publication {
    /// Begins. `carried` is the `traceparent` of each message, where it has one: the span is
    /// linked to these, and goes on with their trace where they have the same one. Not looked
    /// at where nobody takes spans.
    pub(crate) fn begin(
        exchange: impl Display,
        carried: impl Iterator<Item = Option<impl AsRef<str>>>,
    ) -> Self {
        let span = spans::publish(exchange);
        #[cfg(feature = "otlp")]
        if !span.is_disabled() {
            super::otlp::link(&span, carried);
        }
        #[cfg(not(feature = "otlp"))]
        drop(carried);
        let trace_parent = spans::trace_parent(&span).map(HeaderValue::from);
        Self { span, trace_parent }
    }

    /// What happens to this message later goes on with the trace it carries, else with this one.
    pub(crate) fn carry(&self, message: &mut Message) {
        if let Some(parent) = &self.trace_parent {
            let headers = &mut message.properties.headers;
            if !headers.contains_key(names::TRACEPARENT) {
                headers.insert(names::TRACEPARENT.to_owned(), parent.clone());
            }
        }
    }

    /// All of them are confirmed or not, with the code of the first that is not.
    pub(crate) fn end(self, accepted: usize, rejected: usize, code: Option<&str>) {
        spans::published(&self.span, accepted, rejected);
        if let Some(code) = code {
            self.span.record("error.type", code);
            self.span.record("otel.status_code", "ERROR");
        }
    }
}
