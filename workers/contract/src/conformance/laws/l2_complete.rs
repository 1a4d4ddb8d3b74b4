use bytes::Bytes;

use crate::conformance::check::Check;
use crate::conformance::harness::{Harness, Scope};
use crate::conformance::law::{Law, LawViolation, Passed};
use crate::event::{Event, EventBuilder, EventId};
use crate::failure::FailureClass;

/// One outcome for every event of the batch: good, bad, repeated, of a foreign kind.
///
/// # Errors
/// [`LawViolation`] with the slot that has no outcome.
pub async fn l2_complete(harness: &dyn Harness) -> Result<Passed, LawViolation> {
    let mut check = Check::new(harness, Law::L2Complete);
    let processor = check.restart().await?;
    // One event, a few, and more than fit into one request of usual drivers.
    for size in [1, 3, 90] {
        let scope = check.scope();
        let good = check.good(scope, size);
        match check.call(&*processor, &good).await? {
            Ok(outcomes) => every_slot(&check, &good, &outcomes)?,
            Err(failure) if failure.class() == FailureClass::Unavailable => {
                check.apply(&*processor, &good).await?;
            }
            Err(failure) => {
                return Err(check.violated(format!("a batch of {size} good events: {failure}")));
            }
        }
    }
    check.exercised("good events, in batches of 1, 3 and 90");

    let scope = check.scope();
    let mut mixed = check.good(scope, 3);
    mixed.extend([
        harness.bad(scope, 0),
        foreign(scope),
        harness.good(scope, 0),
    ]);
    if let Ok(outcomes) = check.call(&*processor, &mixed).await? {
        every_slot(&check, &mixed, &outcomes)?;
    }
    check.settle(&*processor, &mixed).await?;
    check.exercised("good, bad, foreign and repeated events in one batch");
    check.done()
}

fn every_slot(
    check: &Check<'_>,
    events: &[Event],
    outcomes: &crate::Outcomes,
) -> Result<(), LawViolation> {
    if outcomes.len() != events.len() {
        let (want, got) = (events.len(), outcomes.len());
        return Err(check.violated(format!("{got} outcomes for a batch of {want}")));
    }
    for (slot, event) in events.iter().enumerate() {
        if outcomes.get(slot).is_none() {
            return Err(check.violated(format!(
                "slot {slot} of {} ({}) has no outcome",
                events.len(),
                event.kind()
            )));
        }
    }
    Ok(())
}

/// An event of a kind that no processor projects.
fn foreign(scope: Scope) -> Event {
    let id = EventId::new(format!("{scope}-foreign"));
    EventBuilder::new(id, "conformance.foreign", Bytes::from_static(b"{}")).build()
}
