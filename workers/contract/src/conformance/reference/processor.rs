//! The processor over [`Store`]: decode each event, one commit, one outcome per event.

use futures::future::BoxFuture;
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;

use super::store::{Change, Store, StoreError};
use crate::applied::Applied;
use crate::batch::Batch;
use crate::event::{Event, EventId};
use crate::failure::{Failure, Remedy, codes};
use crate::outcome::{Outcome, Outcomes, SkipReason};
use crate::processor::Processor;

/// Its own deadline for a commit: well inside the runtime's 30 s, so that it can say itself
/// what happened.
const DEADLINE: Duration = Duration::from_secs(5);

/// Projects three kinds: `counter.raised` and `counter.announced` (`counter`, `by`; the second
/// is answered with a follow-up `counter.changed`), `document.written` (`document`, `text`;
/// versioned by the subject's version). Cheap to clone.
#[derive(Clone, Debug)]
pub struct ReferenceProcessor {
    store: Store,
}

#[derive(Deserialize)]
struct Raised {
    counter: String,
    by: i64,
}

#[derive(Deserialize)]
struct Written {
    document: String,
    text: String,
}

impl ReferenceProcessor {
    /// A processor over this destination.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    fn change(event: &Event) -> Option<Result<Change, Failure>> {
        let raise = |announce: Option<&str>| {
            let announce = announce.map(str::to_owned);
            event
                .decode::<Raised>()
                .map(|Raised { counter, by }| Change::Raise {
                    counter,
                    by,
                    announce,
                })
        };
        match event.kind() {
            "counter.raised" => Some(raise(None)),
            "counter.announced" => Some(raise(Some("counter.changed"))),
            "document.written" => Some(event.decode::<Written>().map(
                |Written { document, text }| Change::Write {
                    document,
                    version: event.subject_version().unwrap_or(1),
                    text,
                },
            )),
            _ => None,
        }
    }

    async fn apply(&self, batch: &Batch) -> Result<Outcomes, Failure> {
        let mut outcomes = Outcomes::unsettled(batch);
        let (mut slots, mut changes) = (Vec::new(), Vec::new());
        for (slot, event) in batch.iter() {
            match Self::change(event) {
                Some(Ok(change)) => {
                    slots.push(slot);
                    changes.push((event.id().to_string(), change));
                }
                Some(Err(failure)) => outcomes.failed(slot, failure),
                None => outcomes.skipped(slot, SkipReason::NotMine),
            }
        }
        let answers = bounded(self.store.commit(&changes)).await?;
        for (slot, follow_ups) in slots.into_iter().zip(answers) {
            outcomes.set(slot, Outcome::Applied(follow_ups));
        }
        Ok(outcomes)
    }
}

impl Processor for ReferenceProcessor {
    fn name(&self) -> &str {
        "reference"
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(bounded(self.store.ping()))
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(self.apply(batch))
    }

    fn applied<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, Result<Applied, Failure>> {
        Box::pin(async {
            let traces = bounded(self.store.traces(ids)).await?;
            Ok(Applied::Told(traces))
        })
    }
}

async fn bounded<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, Failure> {
    let answer = timeout(DEADLINE, call).await.map_err(|elapsed| {
        Failure::unavailable(
            codes::DEADLINE_EXCEEDED,
            "the store did not answer within 5 s",
        )
        .with_source(elapsed)
    })?;
    answer.map_err(|error| {
        let failure = match error {
            StoreError::Conflict => Failure::unavailable(codes::CONTENTION, error.to_string())
                .with_remedy(Remedy::Yield),
            StoreError::Refused | StoreError::Lost => {
                Failure::unavailable(codes::DESTINATION_UNREACHABLE, error.to_string())
            }
        };
        failure.with_source(error)
    })
}
