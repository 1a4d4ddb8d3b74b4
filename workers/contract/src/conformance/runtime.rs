//! The runtime's part in small: deadline, panic guard, halving, repeats.

use futures::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::{sleep, timeout};

use super::check::Check;
use super::law::LawViolation;
use crate::batch::Batch;
use crate::event::Event;
use crate::failure::{Failure, FailureClass};
use crate::outcome::{Outcome, Outcomes};
use crate::processor::Processor;

/// What `process` answered.
pub(super) type Answer = Result<Outcomes, Failure>;

/// How often a call that finds the destination unavailable is repeated. With the waits below
/// it is 10 s, what a server needs to come back after a fault is healed.
pub(super) const REPEATS: u32 = 60;
/// First and longest wait between two repeats.
const WAIT: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));

impl Check<'_> {
    /// One call, as the runtime makes it. The inner `None` is a call past its deadline.
    pub(super) async fn call_within(
        &self,
        processor: &dyn Processor,
        events: &[Event],
        deadline: Duration,
    ) -> Result<Option<Answer>, LawViolation> {
        let batch = Batch::from_events(events.to_vec())
            .ok_or_else(|| self.violated("the suite made an empty batch"))?;
        match timeout(
            deadline,
            AssertUnwindSafe(processor.process(&batch)).catch_unwind(),
        )
        .await
        {
            Err(_) => Ok(None),
            Ok(Ok(answer)) => Ok(Some(answer)),
            Ok(Err(panic)) => Err(self.violated(format!("process panicked: {}", text_of(&*panic)))),
        }
    }

    /// One call on a healthy destination.
    pub(super) async fn call(
        &self,
        processor: &dyn Processor,
        events: &[Event],
    ) -> Result<Answer, LawViolation> {
        let deadline = self.harness.bounds().deadline;
        self.call_within(processor, events, deadline)
            .await?
            .ok_or_else(|| {
                self.violated(format!(
                    "process of {} events on a healthy target did not return within {deadline:?}",
                    events.len()
                ))
            })
    }

    /// Calls until each event has a lasting verdict, as the runtime does: halves a batch that
    /// failed as a whole for its data, repeats what was unavailable or transient.
    pub(super) async fn settle(
        &self,
        processor: &dyn Processor,
        events: &[Event],
    ) -> Result<Vec<Outcome>, LawViolation> {
        let mut verdicts: Vec<Option<Outcome>> = vec![None; events.len()];
        let mut open = vec![(0..events.len()).collect::<Vec<_>>()];
        let mut repeats = 0;
        while let Some(slots) = open.pop() {
            let Some(outcomes) = self.outcomes(processor, events, &slots).await? else {
                let (front, back) = slots.split_at(slots.len() / 2);
                open.extend([back.to_vec(), front.to_vec()]);
                continue;
            };
            let mut again = Vec::new();
            for (slot, outcome) in slots.into_iter().zip(outcomes) {
                if passing(&outcome) && repeats < REPEATS {
                    again.push(slot);
                }
                if let Some(verdict) = verdicts.get_mut(slot) {
                    *verdict = Some(outcome);
                }
            }
            if !again.is_empty() {
                sleep(wait(repeats)).await;
                repeats += 1;
                open.push(again);
            }
        }
        Ok(verdicts.into_iter().flatten().collect())
    }

    /// The outcomes of the events in these slots; `None` where the batch is to be halved.
    async fn outcomes(
        &self,
        processor: &dyn Processor,
        events: &[Event],
        slots: &[usize],
    ) -> Result<Option<Vec<Outcome>>, LawViolation> {
        let part: Vec<Event> = slots
            .iter()
            .filter_map(|slot| events.get(*slot).cloned())
            .collect();
        match self.call(processor, &part).await? {
            Ok(outcomes) if outcomes.len() == part.len() => Ok(Some(outcomes.into_vec())),
            Ok(outcomes) => {
                let (want, got) = (part.len(), outcomes.len());
                Err(self.violated(format!("{got} outcomes for a batch of {want}")))
            }
            Err(failure) if failure.class() != FailureClass::Unavailable && part.len() > 1 => {
                Ok(None)
            }
            Err(failure) => Ok(Some(vec![Outcome::Failed(failure); part.len()])),
        }
    }

    /// Settles good events: each must end as success.
    pub(super) async fn apply(
        &self,
        processor: &dyn Processor,
        events: &[Event],
    ) -> Result<Vec<Outcome>, LawViolation> {
        let outcomes = self.settle(processor, events).await?;
        for (event, outcome) in events.iter().zip(&outcomes) {
            if let Outcome::Failed(failure) = outcome {
                return Err(self.violated(format!("good event {} failed: {failure}", event.id())));
            }
        }
        Ok(outcomes)
    }
}

fn passing(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(failure) if failure.class() != FailureClass::Permanent)
}

pub(super) fn wait(repeat: u32) -> Duration {
    (WAIT.0 * 2u32.saturating_pow(repeat.min(8))).min(WAIT.1)
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}
