use tokio::time::{sleep, timeout};

use crate::applied::{Applied, Trace};
use crate::conformance::check::Check;
use crate::conformance::harness::{Harness, Support};
use crate::conformance::law::{Law, LawViolation, Passed};
use crate::conformance::runtime::{REPEATS, wait};
use crate::event::{Event, EventId};
use crate::failure::FailureClass;
use crate::outcome::Outcome;
use crate::processor::Processor;

const TOLD: &str = "what was applied is told as applied, what was not given is not";

/// What was answered *applied* is told as applied, also by another process; what was never
/// given, and what can never be applied, is not.
///
/// # Errors
/// [`LawViolation`] with the trace that is wrong.
pub async fn l11_traceable(harness: &dyn Harness) -> Result<Passed, LawViolation> {
    let mut check = Check::new(harness, Law::L11Traceable);
    let processor = check.restart().await?;
    let scope = check.scope();
    let good = check.good(scope, 4);
    let Some(before) = traces(&check, &*processor, &good).await? else {
        check.can(Support::No("this processor cannot tell"), TOLD);
        return check.done();
    };
    none_applied(&check, &good, &before)?;
    if traces(&check, &*processor, &[]).await? != Some(Vec::new()) {
        return Err(check.violated("asked about nothing, it says that it cannot tell"));
    }

    let (given, kept_back) = good.split_at(3);
    let bad = [harness.bad(scope, 0)];
    let others = [kept_back, &bad].concat();
    let outcomes = check.apply(&*processor, given).await?;
    check.settle(&*processor, &bad).await?;
    let another = check.restart().await?;
    for (who, processor) in [("the same", &processor), ("another", &another)] {
        let told = told(&check, &**processor, given).await?;
        for ((event, outcome), trace) in given.iter().zip(&outcomes).zip(told) {
            if matches!(outcome, Outcome::Applied(_)) && !trace.is_applied() {
                let (id, trace) = (event.id(), trace.as_str());
                let what = format!("{id} was answered applied; {who} processor tells {trace}");
                return Err(check.violated(what));
            }
        }
        let told = self::told(&check, &**processor, &others).await?;
        none_applied(&check, &others, &told)?;
    }
    check.exercised(TOLD);
    check.done()
}

fn none_applied(check: &Check<'_>, events: &[Event], traces: &[Trace]) -> Result<(), LawViolation> {
    let mut told = events.iter().zip(traces);
    match told.find(|(_, trace)| trace.is_applied()) {
        None => Ok(()),
        Some((event, _)) => {
            let what = format!("{} is told as applied, and was not", event.id());
            Err(check.violated(what))
        }
    }
}

async fn told(
    check: &Check<'_>,
    processor: &dyn Processor,
    events: &[Event],
) -> Result<Vec<Trace>, LawViolation> {
    let traces = traces(check, processor, events).await?;
    traces.ok_or_else(|| check.violated("it could tell before, and cannot any more"))
}

/// A trace for each event, asked again while the destination is unavailable; `None` where the
/// processor cannot tell.
async fn traces(
    check: &Check<'_>,
    processor: &dyn Processor,
    events: &[Event],
) -> Result<Option<Vec<Trace>>, LawViolation> {
    let ids: Vec<EventId> = events.iter().map(|event| event.id().clone()).collect();
    let deadline = check.harness.bounds().deadline;
    for repeat in 0..=REPEATS {
        let asked = timeout(deadline, processor.applied(&ids)).await;
        let asked = asked.map_err(|_| check.violated("applied did not return in time"))?;
        match asked {
            Ok(Applied::CannotTell) => return Ok(None),
            Ok(Applied::Told(traces)) if traces.len() == ids.len() => return Ok(Some(traces)),
            Ok(Applied::Told(traces)) => {
                let (want, got) = (ids.len(), traces.len());
                return Err(check.violated(format!("{got} traces for {want} ids")));
            }
            Err(failure) if failure.class() == FailureClass::Unavailable => {
                sleep(wait(repeat)).await;
            }
            Err(failure) => return Err(check.violated(format!("applied failed: {failure}"))),
        }
    }
    Err(check.violated("applied stays unavailable on a healthy target"))
}
