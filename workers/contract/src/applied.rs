//! What a destination knows of events by their ids: for whoever asks where an event is, or
//! waits until it is there.

use jiff::Timestamp;

/// What is known of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// The effect of the event is there.
    Applied {
        /// When it was written, by the clock of whoever wrote it, where that is kept.
        at: Option<Timestamp>,
    },
    /// Its effect is not there: it did not come yet, failed, or was skipped without a trace.
    /// Also what was applied longer ago than the destination keeps its traces.
    NotApplied,
    /// The destination cannot tell of this id: not every event leaves a trace of its own.
    Unknown,
}

impl Trace {
    /// Whether the effect is known to be there.
    pub fn is_applied(&self) -> bool {
        matches!(self, Self::Applied { .. })
    }

    /// Stable name for programs: `applied`, `not-applied`, `unknown`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::NotApplied => "not-applied",
            Self::Unknown => "unknown",
        }
    }
}

/// What a processor answers when it is asked which events are applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It keeps no traces: it can tell of no event.
    CannotTell,
    /// A trace for each id, in the order in which they were asked.
    Told(Vec<Trace>),
}

impl Applied {
    /// The traces of `ids` ids: all unknown where the processor cannot tell, or told of
    /// fewer than it was asked.
    pub fn into_traces(self, ids: usize) -> Vec<Trace> {
        let mut traces = match self {
            Self::CannotTell => Vec::new(),
            Self::Told(traces) => traces,
        };
        traces.resize(ids, Trace::Unknown);
        traces
    }
}
