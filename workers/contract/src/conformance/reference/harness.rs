//! The reference processor's harness, and the example for writing one.

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

use super::processor::ReferenceProcessor;
use super::store::Store;
use crate::conformance::harness::{Fault, Features, Harness, Scope, Support};
use crate::event::{Event, EventBuilder, EventId};
use crate::processor::Processor;

/// Everything the suite can use, in memory. With [`wrapping`](Self::wrapping) around each
/// processor: the way to show that a check notices a fault.
pub struct ReferenceHarness {
    store: Store,
    wrap: Box<dyn Fn(ReferenceProcessor) -> Arc<dyn Processor> + Send + Sync>,
}

impl std::fmt::Debug for ReferenceHarness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReferenceHarness")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl Default for ReferenceHarness {
    fn default() -> Self {
        Self::new()
    }
}

impl ReferenceHarness {
    /// The reference processor over an empty store.
    pub fn new() -> Self {
        Self::wrapping(|processor| Arc::new(processor))
    }

    /// The same, each processor wrapped by `wrap`.
    pub fn wrapping(
        wrap: impl Fn(ReferenceProcessor) -> Arc<dyn Processor> + Send + Sync + 'static,
    ) -> Self {
        Self {
            store: Store::new(),
            wrap: Box::new(wrap),
        }
    }

    fn event(scope: Scope, name: &str, kind: &str, payload: &Value) -> EventBuilder {
        let id = EventId::new(format!("{scope}-{name}"));
        EventBuilder::new(id, kind, Bytes::from(payload.to_string())).subject(scope.to_string())
    }
}

/// Number `n` of a scope happens n seconds after 2026-01-01T00:00:00Z.
fn at(n: u32) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + i64::from(n)).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Harness for ReferenceHarness {
    fn features(&self) -> Features {
        Features {
            versions: Support::Yes,
            follow_ups: Support::Yes,
            refuse: Support::Yes,
            stall: Support::Yes,
            lose_answer: Support::Yes,
            conflict: Support::Yes,
        }
    }

    fn processor(&self) -> BoxFuture<'_, Arc<dyn Processor>> {
        Box::pin(async { (self.wrap)(ReferenceProcessor::new(self.store.clone())) })
    }

    fn good(&self, scope: Scope, n: u32) -> Event {
        // Three counters, so that events meet on the same one and on others.
        let payload = json!({ "counter": format!("{scope}/{}", n % 3), "by": n + 1 });
        Self::event(scope, &n.to_string(), "counter.raised", &payload)
            .occurred_at(at(n))
            .build()
    }

    fn bad(&self, scope: Scope, n: u32) -> Event {
        let payload = json!({ "counter": format!("{scope}/0"), "by": "many" });
        Self::event(scope, &format!("bad-{n}"), "counter.raised", &payload).build()
    }

    fn probe(&self, scope: Scope) -> BoxFuture<'_, Value> {
        Box::pin(async move { self.store.snapshot(&format!("{scope}/")) })
    }

    fn versions(&self, scope: Scope) -> Option<(Event, Event)> {
        let version = |n: u32| {
            let payload = json!({ "document": format!("{scope}/d"), "text": format!("text {n}") });
            Self::event(scope, &format!("version-{n}"), "document.written", &payload)
                .subject_version(u64::from(n))
                .occurred_at(at(n))
                .build()
        };
        Some((version(1), version(2)))
    }

    fn with_follow_ups(&self, scope: Scope, n: u32) -> Option<Event> {
        let payload = json!({ "counter": format!("{scope}/f"), "by": 1 });
        let name = format!("follow-{n}");
        Some(
            Self::event(scope, &name, "counter.announced", &payload)
                .occurred_at(at(n))
                .build(),
        )
    }

    fn inject(&self, fault: Option<Fault>) -> BoxFuture<'_, ()> {
        self.store.inject(fault);
        Box::pin(async {})
    }
}
