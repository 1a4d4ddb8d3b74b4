use std::collections::HashSet;

use crate::conformance::check::Check;
use crate::conformance::harness::{Harness, Support};
use crate::conformance::law::{Law, LawViolation, Passed};
use crate::event::Event;

/// The harness keeps its promises: pure makers, ids of their own in each scope, a probe that
/// agrees on empty scopes, a reason for each feature that is missing.
///
/// # Errors
/// [`LawViolation`] with the promise that is broken.
pub async fn harness_is_sound(harness: &dyn Harness) -> Result<Passed, LawViolation> {
    let mut check = Check::new(harness, Law::Harness);
    let (first, second) = (check.scope(), check.scope());
    let mut ids = HashSet::new();
    for event in [check.good(first, 10), check.good(second, 10)].concat() {
        if !ids.insert(event.id().clone()) {
            return Err(check.violated(format!("two good events have the id {}", event.id())));
        }
    }
    for n in 0..10 {
        if !alike(&harness.good(first, n), &harness.good(first, n)) {
            return Err(check.violated(format!("good event {n} is another one when made again")));
        }
        if !alike(&harness.bad(first, n), &harness.bad(first, n)) {
            return Err(check.violated(format!("bad event {n} is another one when made again")));
        }
    }
    check.exercised("makers are pure, ids are distinct");
    check.same(
        "two empty scopes",
        &check.probe(first).await,
        &check.probe(second).await,
    )?;
    check.exercised("empty scopes look alike");
    features_are_backed(&check, harness)?;
    check.exercised("every feature has its maker or a reason");
    check.done()
}

fn alike(one: &Event, two: &Event) -> bool {
    one.id() == two.id()
        && one.payload() == two.payload()
        && one.kind() == two.kind()
        && one.occurred_at() == two.occurred_at()
}

fn features_are_backed(check: &Check<'_>, harness: &dyn Harness) -> Result<(), LawViolation> {
    let scope = crate::conformance::Scope::new(Law::Harness, 0);
    let features = harness.features();
    if features.versions == Support::Yes && harness.versions(scope).is_none() {
        return Err(check.violated("`versions` is declared, but there is no pair of events"));
    }
    if features.follow_ups == Support::Yes && harness.with_follow_ups(scope, 0).is_none() {
        return Err(check.violated("`follow_ups` is declared, but there is no such event"));
    }
    for (name, support) in [
        ("versions", features.versions),
        ("follow_ups", features.follow_ups),
        ("refuse", features.refuse),
        ("stall", features.stall),
        ("lose_answer", features.lose_answer),
        ("conflict", features.conflict),
    ] {
        if matches!(support, Support::No(reason) if reason.trim().is_empty()) {
            return Err(check.violated(format!("feature `{name}` is left out without a reason")));
        }
    }
    Ok(())
}
