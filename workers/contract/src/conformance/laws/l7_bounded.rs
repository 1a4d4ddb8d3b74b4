use std::time::Duration;
use tokio::time::Instant;

use crate::conformance::check::Check;
use crate::conformance::harness::{Fault, Harness};
use crate::conformance::law::{Law, LawViolation, Passed};

/// A call returns within its deadline, and soon where the destination refuses: waiting for it
/// is the runtime's part.
///
/// # Errors
/// [`LawViolation`] with the time that passed.
pub async fn l7_bounded(harness: &dyn Harness) -> Result<Passed, LawViolation> {
    let mut check = Check::new(harness, Law::L7Bounded);
    let bounds = harness.bounds();
    let processor = check.restart().await?;
    let scope = check.scope();
    check
        .call(&*processor, &check.good(scope, 50))
        .await?
        .map_or_else(
            |failure| Err(check.violated(format!("a healthy target: {failure}"))),
            |_| Ok(()),
        )?;
    check.exercised("a healthy destination");

    let features = harness.features();
    for (support, fault, bound, what) in [
        (
            features.refuse,
            Fault::Refuse,
            bounds.refused,
            "a destination that refuses",
        ),
        (
            features.conflict,
            Fault::Conflict,
            bounds.refused,
            "a destination full of conflicts",
        ),
        (
            features.stall,
            Fault::Stall,
            bounds.deadline,
            "a destination that stalls",
        ),
        (
            features.lose_answer,
            Fault::LoseAnswer,
            bounds.deadline,
            "a destination gone silent",
        ),
    ] {
        if check.can(support, what) {
            let scope = check.scope();
            check.inject(fault).await;
            let started = Instant::now();
            // Twice the bound, so that the report can say how late a late call was.
            let limit = bound.saturating_mul(2).max(Duration::from_millis(1));
            let answer = check
                .call_within(&*processor, &check.good(scope, 4), limit)
                .await?;
            let took = started.elapsed();
            check.heal().await?;
            if answer.is_none() {
                return Err(check.violated(format!("{what}: no answer within {limit:?}")));
            }
            if took > bound {
                return Err(check.violated(format!("{what}: {took:?} instead of {bound:?}")));
            }
        }
    }
    check.done()
}
