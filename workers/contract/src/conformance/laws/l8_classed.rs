use crate::conformance::check::Check;
use crate::conformance::harness::{Fault, Harness};
use crate::conformance::law::{Law, LawViolation, Passed};
use crate::conformance::runtime::Answer;
use crate::failure::{Failure, FailureClass};
use crate::outcome::Outcome;

/// Bad data is permanent, an outage is unavailable, a conflict of writers is unavailable at
/// most; every failure has a well-formed code.
///
/// # Errors
/// [`LawViolation`] with the failure that has another class.
pub async fn l8_classed(harness: &dyn Harness) -> Result<Passed, LawViolation> {
    let mut check = Check::new(harness, Law::L8Classed);
    let processor = check.restart().await?;
    let scope = check.scope();
    for n in 0..3 {
        let answer = check.call(&*processor, &[harness.bad(scope, n)]).await?;
        let failures = failures(answer);
        if failures.is_empty() {
            return Err(check.violated(format!("bad event {n} did not fail")));
        }
        all_are(&check, "bad data", FailureClass::Permanent, &failures)?;
    }
    check.exercised("bad data is permanent");

    let features = harness.features();
    let deadline = harness.bounds().deadline;
    for (support, fault, what) in [
        (features.refuse, Fault::Refuse, "a refusal is unavailable"),
        (features.stall, Fault::Stall, "silence is unavailable"),
        (
            features.lose_answer,
            Fault::LoseAnswer,
            "a lost answer is unavailable",
        ),
        (
            features.conflict,
            Fault::Conflict,
            "a conflict is not the event's fault",
        ),
    ] {
        if check.can(support, what) {
            let scope = check.scope();
            let good = check.good(scope, 3);
            check.inject(fault).await;
            let answer = check.call_within(&*processor, &good, deadline).await?;
            check.heal().await?;
            // Past the deadline the runtime itself says unavailable.
            let failures = answer.map(failures).unwrap_or_default();
            all_are(&check, what, FailureClass::Unavailable, &failures)?;
        }
    }
    check.done()
}

fn failures(answer: Answer) -> Vec<Failure> {
    match answer {
        Err(failure) => vec![failure],
        Ok(outcomes) => outcomes
            .into_vec()
            .into_iter()
            .filter_map(|outcome| match outcome {
                Outcome::Failed(failure) => Some(failure),
                Outcome::Applied(_) | Outcome::Skipped(_) => None,
            })
            .collect(),
    }
}

fn all_are(
    check: &Check<'_>,
    what: &str,
    class: FailureClass,
    failures: &[Failure],
) -> Result<(), LawViolation> {
    for failure in failures {
        if failure.class() != class {
            let (got, want) = (failure.class().as_str(), class.as_str());
            return Err(check.violated(format!("{what}: {want} expected, got {got} ({failure})")));
        }
        if !well_formed(failure.code().as_str()) {
            return Err(check.violated(format!("{what}: `{}` is no reason code", failure.code())));
        }
    }
    Ok(())
}

/// Lower-case words joined by `-`; 64 bytes are enough for a metric label.
fn well_formed(code: &str) -> bool {
    code.len() <= 64
        && code.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}
