use super::l10_repeatable::lost;
use crate::conformance::check::Check;
use crate::conformance::harness::{Fault, Harness};
use crate::conformance::law::{Law, LawViolation, Passed};

/// The same event twice, in one batch, in two, after a restart, or in two lanes at once, has
/// its effect once.
///
/// # Errors
/// [`LawViolation`] with the two states.
pub async fn l1_idempotent(harness: &dyn Harness) -> Result<Passed, LawViolation> {
    let mut check = Check::new(harness, Law::L1Idempotent);
    let processor = check.restart().await?;
    let once = check.scope();
    check.apply(&*processor, &check.good(once, 4)).await?;
    let want = check.probe(once).await;

    let scope = check.scope();
    let good = check.good(scope, 4);
    let doubled: Vec<_> = good.iter().chain(good.iter().rev()).cloned().collect();
    check.apply(&*processor, &doubled).await?;
    check.same(
        "each event twice in one batch",
        &want,
        &check.probe(scope).await,
    )?;
    check.exercised("twice in one batch");
    check.apply(&*processor, &good).await?;
    check.same(
        "each event again in a later batch",
        &want,
        &check.probe(scope).await,
    )?;
    check.exercised("again in a later batch");
    let processor = check.restart().await?;
    for event in &good {
        check
            .apply(&*processor, std::slice::from_ref(event))
            .await?;
    }
    check.same(
        "each event again after a restart",
        &want,
        &check.probe(scope).await,
    )?;
    check.exercised("again after a restart");

    let scope = check.scope();
    let (one, two) = (check.restart().await?, check.restart().await?);
    let good = check.good(scope, 4);
    let lanes = [&one, &one, &two].map(|lane| check.apply(&**lane, &good));
    futures::future::try_join_all(lanes).await?;
    check.same(
        "each event in three calls at once",
        &want,
        &check.probe(scope).await,
    )?;
    check.exercised("in two lanes and two processes at once");

    if check.can(
        harness.features().lose_answer,
        "again after an answer was lost",
    ) {
        let scope = check.scope();
        let good = check.good(scope, 4);
        check.inject(Fault::LoseAnswer).await;
        lost(&check, &*one, &good).await?;
        let processor = check.heal().await?;
        check.apply(&*processor, &good).await?;
        check.same(
            "each event after its answer was lost",
            &want,
            &check.probe(scope).await,
        )?;
    }
    check.done()
}
