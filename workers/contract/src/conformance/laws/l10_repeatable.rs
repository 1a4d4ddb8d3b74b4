use super::l6_cancel_safe::drop_at;
use crate::batch::Batch;
use crate::conformance::check::Check;
use crate::conformance::harness::{Fault, Harness, Scope};
use crate::conformance::law::{Law, LawViolation, Passed};
use crate::event::Event;
use crate::follow_up::FollowUp;
use crate::outcome::Outcome;
use crate::processor::Processor;

/// The same event yields the same follow-ups, ids and content: again, after other events,
/// after a restart, after a lost answer, after a call that was dropped.
///
/// # Errors
/// [`LawViolation`] with the follow-ups that differ.
pub async fn l10_repeatable(harness: &dyn Harness) -> Result<Passed, LawViolation> {
    let mut check = Check::new(harness, Law::L10Repeatable);
    let processor = check.restart().await?;
    let scope = check.scope();
    let good = harness.good(scope, 0);
    let first = follow_ups(&check, &*processor, &good).await?;
    if first.is_some() && follow_ups(&check, &*processor, &good).await? != first {
        return Err(check.violated("a good event has other follow-ups when it is repeated"));
    }
    check.exercised("a good event again");

    let features = harness.features();
    if check.can(
        features.follow_ups,
        "follow-ups again, after others, after a restart",
    ) {
        let scope = check.scope();
        let event = maker(&check, scope, 0)?;
        let first = some(&check, &*processor, &event).await?;
        repeats(&check, &*processor, &event, &first, "at once").await?;
        let others = (1..5)
            .map(|n| maker(&check, scope, n))
            .collect::<Result<Vec<_>, _>>()?;
        check.apply(&*processor, &others).await?;
        repeats(&check, &*processor, &event, &first, "after other events").await?;
        let processor = check.restart().await?;
        repeats(&check, &*processor, &event, &first, "after a restart").await?;
        dropped(&mut check).await?;
        check.exercised("follow-ups of a call that was dropped");
        if check.can(
            features.lose_answer,
            "follow-ups of a call whose answer was lost",
        ) {
            let scope = check.scope();
            let event = maker(&check, scope, 0)?;
            check.inject(Fault::LoseAnswer).await;
            lost(&check, &*processor, std::slice::from_ref(&event)).await?;
            let processor = check.heal().await?;
            let first = some(&check, &*processor, &event).await?;
            repeats(&check, &*processor, &event, &first, "after a lost answer").await?;
        }
    }
    check.done()
}

/// A call whose answer gets lost: what it says, and whether it returns, is for other laws.
pub(super) async fn lost(
    check: &Check<'_>,
    processor: &dyn Processor,
    events: &[Event],
) -> Result<(), LawViolation> {
    let deadline = check.harness.bounds().deadline;
    check
        .call_within(processor, events, deadline)
        .await
        .map(drop)
}

/// A call dropped behind its commit: the repeat must still answer with the follow-ups.
async fn dropped(check: &mut Check<'_>) -> Result<(), LawViolation> {
    for awaits in 0..16 {
        let scope = check.scope();
        let event = maker(check, scope, 0)?;
        let processor = check.restart().await?;
        drop_at(awaits, processor.process(&Batch::of_one(event.clone()))).await;
        let others = maker(check, scope, 1)?;
        check.apply(&*processor, &[others]).await?;
        let first = some(check, &*processor, &event).await?;
        repeats(check, &*processor, &event, &first, "after a dropped call").await?;
    }
    Ok(())
}

fn maker(check: &Check<'_>, scope: Scope, n: u32) -> Result<Event, LawViolation> {
    let event = check.harness.with_follow_ups(scope, n);
    event.ok_or_else(|| check.violated("the harness made no event with follow-ups"))
}

/// The follow-ups of an event that is answered *applied*; `None` for *skipped*.
async fn follow_ups(
    check: &Check<'_>,
    processor: &dyn Processor,
    event: &Event,
) -> Result<Option<Vec<FollowUp>>, LawViolation> {
    let outcome = check
        .apply(processor, std::slice::from_ref(event))
        .await?
        .into_iter()
        .next();
    Ok(match outcome {
        Some(Outcome::Applied(follow_ups)) if !follow_ups.is_empty() => Some(follow_ups),
        _ => None,
    })
}

async fn some(
    check: &Check<'_>,
    processor: &dyn Processor,
    event: &Event,
) -> Result<Vec<FollowUp>, LawViolation> {
    let answer = follow_ups(check, processor, event).await?;
    answer
        .ok_or_else(|| check.violated(format!("{} is answered without its follow-ups", event.id())))
}

async fn repeats(
    check: &Check<'_>,
    processor: &dyn Processor,
    event: &Event,
    first: &[FollowUp],
    when: &str,
) -> Result<(), LawViolation> {
    let again = some(check, processor, event)
        .await
        .map_err(|violation| LawViolation {
            what: format!("repeated {when}: {}", violation.what),
            ..violation
        })?;
    if again != first {
        return Err(check.violated(format!("repeated {when}: first {first:?}, then {again:?}")));
    }
    Ok(())
}
