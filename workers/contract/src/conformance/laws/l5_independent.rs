use crate::conformance::check::Check;
use crate::conformance::harness::Harness;
use crate::conformance::law::{Law, LawViolation, Passed};
use crate::event::Event;
use crate::failure::FailureClass;
use crate::outcome::Outcome;

/// A bad event does not change its neighbours' outcome: they are applied, it alone fails.
/// A processor may answer `Err` for the batch; the suite then halves it as the runtime does.
///
/// # Errors
/// [`LawViolation`] with the neighbour that changed.
pub async fn l5_independent(harness: &dyn Harness) -> Result<Passed, LawViolation> {
    let mut check = Check::new(harness, Law::L5Independent);
    let processor = check.restart().await?;
    let alone = check.scope();
    check.apply(&*processor, &check.good(alone, 8)).await?;
    let want = check.probe(alone).await;
    // First, last, in the middle, and as many as the good ones.
    for places in [&[0][..], &[8], &[4], &[0, 1, 2, 4, 6, 7, 9, 11]] {
        let scope = check.scope();
        let mut good = check.good(scope, 8).into_iter();
        let total = 8 + places.len();
        let batch: Vec<(Event, bool)> = (0..total)
            .filter_map(|slot| match places.contains(&slot) {
                true => Some((harness.bad(scope, u32::try_from(slot).ok()?), true)),
                false => Some((good.next()?, false)),
            })
            .collect();
        let events: Vec<Event> = batch.iter().map(|(event, _)| event.clone()).collect();
        let outcomes = check.settle(&*processor, &events).await?;
        for ((event, bad), outcome) in batch.iter().zip(outcomes) {
            verdict(&check, event, *bad, &outcome)?;
        }
        check.same(
            "good events beside bad ones",
            &want,
            &check.probe(scope).await,
        )?;
    }
    check.exercised("bad events first, last, between, and as many as the good ones");
    check.done()
}

fn verdict(
    check: &Check<'_>,
    event: &Event,
    bad: bool,
    outcome: &Outcome,
) -> Result<(), LawViolation> {
    let id = event.id();
    match (bad, outcome) {
        (false, Outcome::Failed(failure)) => Err(check.violated(format!(
            "good event {id} failed beside a bad one: {failure}"
        ))),
        (true, Outcome::Failed(failure)) if failure.class() == FailureClass::Permanent => Ok(()),
        (true, outcome) => Err(check.violated(format!(
            "bad event {id} among good ones ended as {outcome:?}"
        ))),
        (false, _) => Ok(()),
    }
}
