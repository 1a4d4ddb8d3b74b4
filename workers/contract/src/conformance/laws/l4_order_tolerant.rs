use crate::conformance::check::Check;
use crate::conformance::harness::Harness;
use crate::conformance::law::{Law, LawViolation, Passed};
use crate::event::Event;

/// An older event that arrives late does not undo a newer one, and any order of the same
/// events ends in the same state.
///
/// # Errors
/// [`LawViolation`] with the two states.
pub async fn l4_order_tolerant(harness: &dyn Harness) -> Result<Passed, LawViolation> {
    let mut check = Check::new(harness, Law::L4OrderTolerant);
    let processor = check.restart().await?;
    let in_order = check.scope();
    check.apply(&*processor, &check.good(in_order, 6)).await?;
    let want = check.probe(in_order).await;
    for order in [[5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2]] {
        let (at_once, singly) = (check.scope(), check.scope());
        let batch: Vec<Event> = order.iter().map(|n| harness.good(at_once, *n)).collect();
        check.apply(&*processor, &batch).await?;
        check.same(
            "another order in one batch",
            &want,
            &check.probe(at_once).await,
        )?;
        for n in order {
            check.apply(&*processor, &[harness.good(singly, n)]).await?;
        }
        check.same(
            "another order, one by one",
            &want,
            &check.probe(singly).await,
        )?;
    }
    check.exercised("good events in any order end alike");

    if check.can(harness.features().versions, "the newer version stays") {
        let scope = check.scope();
        let (older, newer) = pair(&check, harness, scope)?;
        check.apply(&*processor, &[newer]).await?;
        let want = check.probe(scope).await;
        check.apply(&*processor, &[older]).await?;
        check.same(
            "the older version behind the newer",
            &want,
            &check.probe(scope).await,
        )?;

        for turned in [false, true] {
            let scope = check.scope();
            let (older, newer) = pair(&check, harness, scope)?;
            let batch = if turned {
                [newer, older]
            } else {
                [older, newer]
            };
            check.apply(&*processor, &batch).await?;
            check.same(
                "both versions in one batch",
                &want,
                &check.probe(scope).await,
            )?;
        }
        let scope = check.scope();
        let (older, newer) = pair(&check, harness, scope)?;
        check.apply(&*processor, &[older]).await?;
        let processor = check.restart().await?;
        check.apply(&*processor, &[newer]).await?;
        check.same(
            "the newer version behind the older",
            &want,
            &check.probe(scope).await,
        )?;
    }
    check.done()
}

fn pair(
    check: &Check<'_>,
    harness: &dyn Harness,
    scope: crate::conformance::Scope,
) -> Result<(Event, Event), LawViolation> {
    harness
        .versions(scope)
        .ok_or_else(|| check.violated("the harness made no pair of versions"))
}
