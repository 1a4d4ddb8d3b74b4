//! What a target gives the suite: processors over one destination, events, a probe, faults.

use futures::future::BoxFuture;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::law::Law;
use crate::event::Event;
use crate::processor::Processor;

/// A part of the destination that a check has for itself.
///
/// Scopes are alike: the same numbers in two scopes make the same events about different
/// subjects, so that the probes of two scopes can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(u32);

impl Scope {
    /// Scope number `index` of this law.
    pub fn new(law: Law, index: u32) -> Self {
        // 10,000 scopes a law: the largest number one law uses is below 100.
        Self(law.number().saturating_mul(10_000).saturating_add(index))
    }

    /// A number no other scope of the same run has, at most 7 digits: good for ids.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// Prefix for ids and subjects of the scope, such as `s10003`.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{:07}", self.0)
    }
}

/// Whether the target offers a feature; if not, the reason stands in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// The suite uses it.
    Yes,
    /// It does not exist here, for this reason. Never passes silently.
    No(&'static str),
}

/// What the target can do beside applying events. There is no default on purpose: a feature
/// that is left out is left out with a reason.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// [`Harness::versions`]: an older and a newer event about one subject.
    pub versions: Support,
    /// [`Harness::with_follow_ups`]: events that are answered with follow-ups.
    pub follow_ups: Support,
    /// [`Fault::Refuse`]: the destination can be made unreachable.
    pub refuse: Support,
    /// [`Fault::Stall`]: the destination can be made to never answer.
    pub stall: Support,
    /// [`Fault::LoseAnswer`]: the destination can apply without saying so.
    pub lose_answer: Support,
    /// [`Fault::Conflict`]: the destination can be made to report a conflict of writers.
    pub conflict: Support,
}

/// What the destination is made to do, until it is healed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Refuses every call without effect (server stopped, port closed).
    Refuse,
    /// Takes calls and never answers, without effect.
    Stall,
    /// Applies the call and loses the answer (connection cut behind a commit).
    LoseAnswer,
    /// Answers with a conflict of writers (deadlock, constraint race) without effect.
    Conflict,
}

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Against a destination that is well or stalled. Default 30 s, the runtime's deadline.
    pub deadline: Duration,
    /// Against a destination that refuses. Default 10 s: two connect timeouts of 5 s.
    pub refused: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            refused: Duration::from_secs(10),
        }
    }
}

/// A processor and its destination under test. May panic: it is test code.
///
/// The event makers are pure: the same scope and number give the same event, id included.
/// Different scopes give different ids and different subjects.
pub trait Harness: Send + Sync {
    /// What the target can do.
    fn features(&self) -> Features;

    /// A fresh processor over the same destination, as after a restart. The suite calls
    /// `prepare` on it.
    fn processor(&self) -> BoxFuture<'_, Arc<dyn Processor>>;

    /// Good event number `n` (0 to 99) of the scope. Each must have an effect that the probe
    /// shows, whatever was applied before it; higher numbers occur later.
    fn good(&self, scope: Scope, n: u32) -> Event;

    /// An event of the scope that can never be applied, such as one with a field missing.
    fn bad(&self, scope: Scope, n: u32) -> Event;

    /// The effect of all events of the scope, in a form that two scopes have in common: names
    /// relative to the scope, no event ids, no wall-clock times, lists sorted.
    fn probe(&self, scope: Scope) -> BoxFuture<'_, Value>;

    /// An older and a newer event about one subject, of which the newer wins.
    /// Needed with [`Features::versions`].
    fn versions(&self, scope: Scope) -> Option<(Event, Event)> {
        let _ = scope;
        None
    }

    /// Event number `n` of the scope that is answered with at least one follow-up.
    /// Needed with [`Features::follow_ups`].
    fn with_follow_ups(&self, scope: Scope, n: u32) -> Option<Event> {
        let _ = (scope, n);
        None
    }

    /// Sets the fault, or heals the destination with `None`. When it returns, the next call
    /// of a processor meets the new state.
    fn inject(&self, fault: Option<Fault>) -> BoxFuture<'_, ()> {
        let _ = fault;
        Box::pin(async {})
    }

    /// How long calls may take. *Default*: [`Bounds::default`].
    fn bounds(&self) -> Bounds {
        Bounds::default()
    }
}
