//! One batch through the processor, in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use fanout_contract::{Failure, FailureClass, Outcome};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::Instrument;

use super::buffer::Held;
use super::dispatch::Dispatch;
use super::shared::Shared;
use crate::telemetry::spans;

/// A batch with its outcomes.
pub(super) struct Answered {
    /// Each delivery with its outcome, in arrival order.
    pub(super) outcomes: Vec<(Held, Outcome)>,
    /// How long the processor took; `None` where nothing was readable.
    pub(super) took: Option<Duration>,
}

/// Runs the batch while holding its turn; gives the turn back before settlement.
pub(super) async fn run(
    shared: Arc<Shared>,
    held: Vec<Held>,
    turn: OwnedSemaphorePermit,
) -> Answered {
    let together = shared.solitude.clone().read_owned().await;
    let answered = answer(&shared, held).await;
    drop((turn, together));
    answered
}

/// Calls the processor for what is readable; the rest has its failure already.
pub(super) async fn answer(shared: &Shared, held: Vec<Held>) -> Answered {
    let events: Vec<_> = held
        .iter()
        .filter_map(|h| h.event.as_ref().ok().cloned())
        .collect();
    let (started, count) = (Instant::now(), events.len());
    let single = if let [event] = events.as_slice() {
        Some(event.clone())
    } else {
        None
    };
    let mut outcomes = Vec::new();
    if count > 0 {
        let deadline = shared.config.queue.deadline;
        let span = spans::process(shared.queue(), &events);
        outcomes = Dispatch::new(shared.processor.as_ref(), deadline, count)
            .run(events)
            .instrument(span.clone())
            .await;
        spans::answered(&span, &outcomes);
    }
    let took = started.elapsed();
    let mut outcomes = outcomes.into_iter();
    let outcomes = held
        .into_iter()
        .map(|held| {
            let outcome = match &held.event {
                Err(failure) => Outcome::Failed(failure.clone()),
                Ok(_) => outcomes.next().unwrap_or_else(Outcome::unsettled),
            };
            (held, outcome)
        })
        .map(|(held, outcome)| match &single {
            Some(event) if held.event.is_ok() => {
                let outcome = shared.alone.judge(event, outcome);
                (held, outcome)
            }
            _ => (held, outcome),
        })
        .collect();
    Answered {
        outcomes,
        took: (count > 0).then_some(took),
    }
}

impl Answered {
    /// The first answer that says the destination was unavailable.
    pub(super) fn unavailable(&self) -> Option<&Failure> {
        self.outcomes.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Failed(f) if f.class() == FailureClass::Unavailable => Some(f),
            _ => None,
        })
    }

    /// Events that the destination has answered about.
    pub(super) fn passed(&self) -> usize {
        let answered = |outcome: &Outcome| match outcome {
            Outcome::Failed(failure) => failure.class() != FailureClass::Unavailable,
            _ => true,
        };
        self.outcomes
            .iter()
            .filter(|(held, o)| held.event.is_ok() && answered(o))
            .count()
    }

    /// Events that the destination has worked on to the end: what it refuses quickly does
    /// not show that it is well.
    pub(super) fn done(&self) -> usize {
        let done = |outcome: &Outcome| !matches!(outcome, Outcome::Failed(_));
        self.outcomes.iter().filter(|(_, o)| done(o)).count()
    }
}
