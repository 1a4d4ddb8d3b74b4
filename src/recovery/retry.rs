//! Class, attempt and plan → what the broker shall do.

use std::time::Duration;

use fanout_contract::{Failure, FailureClass, FollowUp, Outcome, SkipReason};

use super::codes;
use crate::config::UnknownKind;

/// What becomes of an event.
#[derive(Clone, Debug)]
pub enum Disposition {
    /// Publish the follow-ups, then acknowledge.
    Acknowledge {
        /// What the event led to; may be empty.
        follow_ups: Vec<FollowUp>,
        /// Set where no effect was needed.
        skipped: Option<SkipReason>,
    },
    /// Publish to the retry queue of this delay, then acknowledge. Zero = to the end of the
    /// main queue.
    Retry {
        /// Delay of the stage.
        delay: Duration,
        /// Why.
        failure: Failure,
    },
    /// Publish to the dead-letter queue, then acknowledge.
    DeadLetter {
        /// Why.
        failure: Failure,
    },
    /// The event is innocent: try it again after a pause, no attempt spent.
    GiveBack {
        /// Why.
        failure: Failure,
    },
}

/// Decides on one event. `attempt` counts from 1: with a plan of n delays an event is tried
/// n + 1 times, and attempt k waits `plan[k - 1]` before attempt k + 1.
pub fn decide(
    outcome: Outcome,
    attempt: u32,
    plan: &[Duration],
    unknown_kind: UnknownKind,
) -> Disposition {
    match outcome {
        Outcome::Applied(follow_ups) => Disposition::Acknowledge {
            follow_ups,
            skipped: None,
        },
        Outcome::Skipped(SkipReason::NotMine) if unknown_kind == UnknownKind::DeadLetter => {
            let failure =
                Failure::permanent(codes::UNKNOWN_KIND, "no projection knows this event kind");
            Disposition::DeadLetter { failure }
        }
        Outcome::Skipped(reason) => Disposition::Acknowledge {
            follow_ups: Vec::new(),
            skipped: Some(reason),
        },
        Outcome::Failed(failure) => match failure.class() {
            FailureClass::Permanent => Disposition::DeadLetter { failure },
            FailureClass::Unavailable => Disposition::GiveBack { failure },
            FailureClass::Transient => match stage(attempt, plan) {
                Some(delay) => Disposition::Retry { delay, failure },
                None => Disposition::DeadLetter { failure },
            },
        },
    }
}

fn stage(attempt: u32, plan: &[Duration]) -> Option<Duration> {
    let index = usize::try_from(attempt.saturating_sub(1)).ok()?;
    plan.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanout_contract::ReasonCode;

    const CODE: ReasonCode = ReasonCode::new("some-code");

    fn plan() -> Vec<Duration> {
        [5, 30, 300].map(Duration::from_secs).to_vec()
    }

    fn after(attempt: u32, failure: Failure) -> Disposition {
        decide(
            Outcome::Failed(failure),
            attempt,
            &plan(),
            UnknownKind::Skip,
        )
    }

    #[test]
    fn a_transient_failure_passes_every_stage_and_is_then_dead_lettered() {
        let delays: Vec<_> = (1..=4)
            .map(
                |attempt| match after(attempt, Failure::transient(CODE, "x")) {
                    Disposition::Retry { delay, .. } => Some(delay.as_secs()),
                    Disposition::DeadLetter { .. } => None,
                    other => panic!("{other:?}"),
                },
            )
            .collect();
        assert_eq!(delays, [Some(5), Some(30), Some(300), None]);
    }

    #[test]
    fn a_permanent_failure_is_dead_lettered_at_the_first_attempt() {
        assert!(matches!(
            after(1, Failure::permanent(CODE, "x")),
            Disposition::DeadLetter { .. }
        ));
    }

    #[test]
    fn an_unavailable_destination_spends_no_attempt_however_late() {
        for attempt in [1, 4, 100] {
            let disposition = after(attempt, Failure::unavailable(CODE, "x"));
            assert!(matches!(disposition, Disposition::GiveBack { .. }));
        }
    }

    #[test]
    fn an_empty_plan_dead_letters_the_first_transient_failure() {
        let outcome = Outcome::Failed(Failure::transient(CODE, "x"));
        let disposition = decide(outcome, 1, &[], UnknownKind::Skip);
        assert!(matches!(disposition, Disposition::DeadLetter { .. }));
    }

    #[test]
    fn an_unknown_kind_is_dead_lettered_only_where_configured() {
        let unknown = |policy| decide(Outcome::Skipped(SkipReason::NotMine), 1, &plan(), policy);
        assert!(matches!(
            unknown(UnknownKind::Skip),
            Disposition::Acknowledge { .. }
        ));
        assert!(matches!(
            unknown(UnknownKind::DeadLetter),
            Disposition::DeadLetter { .. }
        ));
    }
}
