//! A batch → one outcome per event: calls the processor and halves what fails as a whole.
//!
//! Halving isolates bad events, never an outage: an *unavailable* answer, a deadline
//! included, is given to the whole batch at once.

use std::ops::Range;
use std::time::Duration;

use fanout_contract::{
    Batch, Event, Failure, FailureClass, Outcome, Processor, ReasonCode, Remedy, codes as contract,
};
use tokio::time::Instant;

use super::guarded::guarded;
use crate::recovery::codes;

/// Share of failing events above which halving costs more than single calls: with one in
/// five bad, a half of five events already fails more often than not.
const SINGLES_ABOVE: usize = 5;

/// Calls of the processor.
pub(super) struct Dispatch<'a> {
    processor: &'a dyn Processor,
    deadline: Duration,
    calls_left: usize,
    ends: Instant,
}

impl<'a> Dispatch<'a> {
    /// For a batch of `events`: at most two calls an event and four deadlines in all.
    pub(super) fn new(processor: &'a dyn Processor, deadline: Duration, events: usize) -> Self {
        Self {
            processor,
            deadline,
            calls_left: events.saturating_mul(2).saturating_add(1),
            ends: Instant::now() + deadline.saturating_mul(4),
        }
    }

    /// One outcome for each event, in order.
    pub(super) async fn run(mut self, events: Vec<Event>) -> Vec<Outcome> {
        let len = events.len();
        match self.call(&events).await {
            Ok(outcomes) => outcomes,
            Err(failure) if len > 1 && splits(&failure) => self.halve(&events).await,
            Err(failure) => vec![Outcome::Failed(failure); len],
        }
    }

    async fn call(&mut self, events: &[Event]) -> Result<Vec<Outcome>, Failure> {
        let len = events.len();
        let Some(batch) = Batch::from_events(events.to_vec()) else {
            return Ok(Vec::new());
        };
        let spent = self.calls_left == 0 || Instant::now() >= self.ends;
        if spent {
            let text = "isolating the bad events of a batch took too long";
            return Err(
                Failure::unavailable(codes::BISECTION_LIMIT, text).with_remedy(Remedy::Yield)
            );
        }
        self.calls_left = self.calls_left.saturating_sub(1);
        let mut outcomes = guarded(self.deadline, self.processor.process(&batch))
            .await?
            .into_vec();
        outcomes.resize_with(len, Outcome::unsettled);
        Ok(outcomes)
    }

    /// Works through the halves of a failed batch, in order, until every event has an outcome.
    async fn halve(&mut self, events: &[Event]) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = vec![None; events.len()];
        let mut failed = 0_usize;
        let mut stack: Vec<Range<usize>> = std::iter::once(0..events.len()).collect();
        while let Some(range) = stack.pop() {
            let singles = failed.saturating_mul(SINGLES_ABOVE) > events.len();
            let parts = if singles {
                range.map(|i| i..i + 1).collect()
            } else {
                halves(range)
            };
            let mut refusals: Vec<(Range<usize>, Failure)> = Vec::new();
            for part in parts {
                match self
                    .call(events.get(part.clone()).unwrap_or_default())
                    .await
                {
                    Ok(answers) => fill(&mut outcomes, part, answers),
                    Err(failure) if part.len() > 1 && splits(&failure) => {
                        refusals.push((part, failure))
                    }
                    Err(failure) => {
                        failed = failed.saturating_add(part.len());
                        let answers = vec![Outcome::Failed(failure); part.len()];
                        fill(&mut outcomes, part, answers);
                    }
                }
            }
            match environment(&refusals) {
                Some(code) => refusals.into_iter().for_each(|(part, failure)| {
                    let failure = innocent(code, &failure);
                    let answers = vec![Outcome::Failed(failure); part.len()];
                    fill(&mut outcomes, part, answers);
                }),
                None => stack.extend(refusals.into_iter().rev().map(|(part, _)| part)),
            }
        }
        outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or_else(Outcome::unsettled))
            .collect()
    }
}

/// Whether smaller batches can tell more.
fn splits(failure: &Failure) -> bool {
    failure.class() != FailureClass::Unavailable || failure.remedy() == Remedy::SmallerBatch
}

/// Both halves failed with the same code that is not about data: it is the environment.
fn environment(refusals: &[(Range<usize>, Failure)]) -> Option<ReasonCode> {
    match refusals {
        [(_, a), (_, b)] if a.code() == b.code() && not_data(a) && not_data(b) => Some(a.code()),
        _ => None,
    }
}

fn not_data(failure: &Failure) -> bool {
    failure.class() == FailureClass::Transient && failure.code() != contract::PANIC
}

fn innocent(code: ReasonCode, failure: &Failure) -> Failure {
    Failure::unavailable(code, failure.message())
}

fn halves(range: Range<usize>) -> Vec<Range<usize>> {
    let middle = range.start.midpoint(range.end);
    vec![range.start..middle, middle..range.end]
}

fn fill(outcomes: &mut [Option<Outcome>], part: Range<usize>, answers: Vec<Outcome>) {
    let slots = outcomes.get_mut(part).unwrap_or_default();
    slots
        .iter_mut()
        .zip(answers)
        .for_each(|(slot, answer)| *slot = Some(answer));
}

#[cfg(test)]
#[path = "dispatch_tests.rs"]
mod tests;
