//! The check of law L11 notices a processor that tells something else than what is applied.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use fanout_contract::conformance::reference::{ReferenceHarness, ReferenceProcessor};
use fanout_contract::conformance::{Law, check};
use fanout_contract::{Applied, Batch, EventId, Failure, Outcomes, Processor, Trace};
use futures::future::BoxFuture;
use std::sync::Arc;

/// The reference processor that tells something else.
struct Telling<F>(ReferenceProcessor, F);

impl<F> Processor for Telling<F>
where
    F: Fn(usize, Trace) -> Trace + Send + Sync + 'static,
{
    fn name(&self) -> &str {
        "telling"
    }
    fn prepare(&self) -> BoxFuture<'_, Result<(), Failure>> {
        self.0.prepare()
    }
    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        self.0.process(batch)
    }
    fn applied<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, Result<Applied, Failure>> {
        Box::pin(async {
            let traces = self.0.applied(ids).await?.into_traces(ids.len());
            let told = traces.into_iter().enumerate();
            Ok(Applied::Told(
                told.map(|(n, trace)| (self.1)(n, trace)).collect(),
            ))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn l11_an_effect_that_is_not_told_and_one_that_is_made_up_are_found() {
    let forgets = |n, trace| if n == 2 { Trace::NotApplied } else { trace };
    let makes_up = |n, trace| match n {
        3 => Trace::Applied { at: None },
        _ => trace,
    };
    let harnesses = [
        ReferenceHarness::wrapping(move |inner| Arc::new(Telling(inner, forgets))),
        ReferenceHarness::wrapping(move |inner| Arc::new(Telling(inner, makes_up))),
    ];
    for (harness, words) in harnesses.iter().zip(["tells not-applied", "and was not"]) {
        let verdict = check(harness, Law::L11Traceable).await;
        let violation = verdict.expect_err("the fault was not noticed");
        assert!(violation.what.contains(words), "{violation}");
    }
}
