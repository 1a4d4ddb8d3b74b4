use crate::conformance::check::Check;
use crate::conformance::harness::{Fault, Harness};
use crate::conformance::law::{Law, LawViolation, Passed};
use crate::event::Event;
use crate::outcome::Outcome;
use crate::processor::Processor;

/// *Applied* is said only after the destination has confirmed, and a destination that
/// refuses or stalls has confirmed nothing.
///
/// # Errors
/// [`LawViolation`] with the outcome that was not true.
pub async fn l3_honest(harness: &dyn Harness) -> Result<Passed, LawViolation> {
    let mut check = Check::new(harness, Law::L3Honest);
    let processor = check.restart().await?;
    let reference = check.scope();
    let mut before = check.probe(reference).await;
    for event in check.good(reference, 5) {
        check
            .apply(&*processor, std::slice::from_ref(&event))
            .await?;
        let after = check.probe(reference).await;
        if before == after {
            let id = event.id();
            return Err(check.violated(format!("{id} is said to be applied, but left no effect")));
        }
        before = after;
    }
    check.exercised("what is applied is there when the call returns");

    let scope = check.scope();
    let empty = check.probe(scope).await;
    check.settle(&*processor, &[harness.bad(scope, 0)]).await?;
    check.same("after a bad event alone", &empty, &check.probe(scope).await)?;
    check.exercised("what fails leaves nothing behind");

    let features = harness.features();
    for (support, fault, what) in [
        (
            features.refuse,
            Fault::Refuse,
            "nothing is applied while the destination refuses",
        ),
        (
            features.stall,
            Fault::Stall,
            "nothing is applied while the destination stalls",
        ),
        (
            features.lose_answer,
            Fault::LoseAnswer,
            "nothing is applied while answers are lost",
        ),
    ] {
        if check.can(support, what) {
            let scope = check.scope();
            let good = check.good(scope, 5);
            check.inject(fault).await;
            silent_destination(&check, &*processor, fault, &good).await?;
            let healed = check.heal().await?;
            check.apply(&*healed, &good).await?;
            check.same(
                "after the destination healed",
                &before,
                &check.probe(scope).await,
            )?;
        }
    }
    check.done()
}

async fn silent_destination(
    check: &Check<'_>,
    processor: &dyn Processor,
    fault: Fault,
    events: &[Event],
) -> Result<(), LawViolation> {
    let deadline = check.harness.bounds().deadline;
    let Some(Ok(outcomes)) = check.call_within(processor, events, deadline).await? else {
        return Ok(());
    };
    for outcome in outcomes.into_vec() {
        if !matches!(outcome, Outcome::Failed(_)) {
            return Err(
                check.violated(format!("{outcome:?} under {fault:?}: nothing confirmed it"))
            );
        }
    }
    Ok(())
}
