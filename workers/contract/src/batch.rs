//! A batch: events in arrival order, never empty.

use crate::event::Event;

/// Non-empty, bounded, in arrival order. Only the runtime makes one; tests of a processor
/// enable the feature `testing`.
///
/// The same id may stand in a batch more than once.
#[derive(Clone, Debug)]
pub struct Batch {
    events: Vec<Event>,
}

impl Batch {
    /// A batch of these events, or `None` where there are none.
    #[cfg(feature = "runtime")]
    pub fn from_events(events: Vec<Event>) -> Option<Self> {
        (!events.is_empty()).then_some(Self { events })
    }

    /// A batch of one.
    #[cfg(feature = "runtime")]
    pub fn of_one(event: Event) -> Self {
        Self {
            events: vec![event],
        }
    }

    /// The events, in arrival order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events with their slot, as [`Outcomes`](crate::Outcomes) counts slots.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (usize, &Event)> {
        self.events.iter().enumerate()
    }

    /// How many events; at least 1.
    #[allow(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.events.len()
    }
}
