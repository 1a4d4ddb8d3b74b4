//! Notes what a processor is asked and what it answers.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use fanout_contract::{Batch, EventId, Failure, Outcome, Outcomes, Processor};
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::report::Answer;

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) at: Instant,
    /// Id and attempt, in batch order.
    pub(super) events: Vec<(EventId, u32)>,
    /// `None` until it has answered: it may panic, or be dropped at its deadline.
    pub(super) answers: Option<Vec<Answer>>,
}

/// Calls in the order they were made.
pub(super) type Calls = Arc<Mutex<Vec<Call>>>;

/// The calls so far.
pub(super) fn so_far(calls: &Calls) -> Vec<Call> {
    calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

pub(super) struct Observed {
    pub(super) inner: Arc<dyn Processor>,
    pub(super) calls: Calls,
}

impl Observed {
    async fn observe(&self, batch: &Batch) -> Result<Outcomes, Failure> {
        let index = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.push(Call {
                at: Instant::now(),
                events: batch
                    .iter()
                    .map(|(_, e)| (e.id().clone(), e.attempt()))
                    .collect(),
                answers: None,
            });
            calls.len() - 1
        };
        let result = self.inner.process(batch).await;
        let answers = match &result {
            Ok(outcomes) => (0..batch.len())
                .map(|slot| answer(outcomes.get(slot)))
                .collect(),
            Err(failure) => vec![Answer::failed(failure); batch.len()],
        };
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = calls.get_mut(index) {
            call.answers = Some(answers);
        }
        result
    }
}

fn answer(outcome: Option<&Outcome>) -> Answer {
    match outcome {
        None => Answer::None,
        Some(Outcome::Applied(_)) => Answer::Applied,
        Some(Outcome::Skipped(reason)) => Answer::Skipped(*reason),
        Some(Outcome::Failed(failure)) => Answer::failed(failure),
    }
}

impl Processor for Observed {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), Failure>> {
        self.inner.prepare()
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(self.observe(batch))
    }

    fn concurrency(&self) -> Option<NonZeroUsize> {
        self.inner.concurrency()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}
