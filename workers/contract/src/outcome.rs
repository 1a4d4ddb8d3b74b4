//! The verdict on each event of a batch: a closed set.

use crate::batch::Batch;
use crate::failure::{Failure, codes};
use crate::follow_up::FollowUp;

/// Why an event needed no effect. All of these are success: the event is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// The destination already holds a newer version of the subject.
    OlderVersion,
    /// The effect of this id is already there.
    Duplicate,
    /// The processor does not project this kind.
    NotMine,
}

impl SkipReason {
    /// Stable name for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OlderVersion => "older-version",
            Self::Duplicate => "duplicate",
            Self::NotMine => "not-mine",
        }
    }
}

/// The verdict on one event.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The destination has confirmed the effect. The follow-ups, if any, are published and
    /// confirmed before the event is acknowledged.
    Applied(Vec<FollowUp>),
    /// No effect was needed.
    Skipped(SkipReason),
    /// It could not be applied.
    Failed(Failure),
}

impl Outcome {
    /// Applied, without follow-ups.
    pub fn applied() -> Self {
        Self::Applied(Vec::new())
    }

    /// What an event comes to that the processor said nothing about: a transient failure
    /// with code `unsettled`.
    pub fn unsettled() -> Self {
        let text = "the processor gave no outcome";
        Self::Failed(Failure::transient(codes::UNSETTLED, text))
    }
}

/// One verdict per event of the batch it was made for.
///
/// Every slot starts *unsettled*. What is still unsettled when the runtime reads it is a
/// transient failure with code `unsettled`: silence is never success.
#[derive(Clone, Debug)]
pub struct Outcomes {
    slots: Vec<Option<Outcome>>,
}

impl Outcomes {
    /// One unsettled slot for each event of `batch`.
    pub fn unsettled(batch: &Batch) -> Self {
        Self {
            slots: vec![None; batch.len()],
        }
    }

    /// Every event of `batch` applied, without follow-ups.
    pub fn all_applied(batch: &Batch) -> Self {
        Self {
            slots: vec![Some(Outcome::applied()); batch.len()],
        }
    }

    /// Gives the verdict on the event in `slot`; a later verdict replaces an earlier one.
    /// A slot outside the batch is ignored: it belongs to no event.
    pub fn set(&mut self, slot: usize, outcome: Outcome) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(outcome);
        }
    }

    /// Applied, without follow-ups.
    pub fn applied(&mut self, slot: usize) {
        self.set(slot, Outcome::applied());
    }

    /// Skipped for this reason.
    pub fn skipped(&mut self, slot: usize, reason: SkipReason) {
        self.set(slot, Outcome::Skipped(reason));
    }

    /// Failed.
    pub fn failed(&mut self, slot: usize, failure: Failure) {
        self.set(slot, Outcome::Failed(failure));
    }

    /// The verdict in `slot`, where there is one yet.
    pub fn get(&self, slot: usize) -> Option<&Outcome> {
        self.slots.get(slot).and_then(Option::as_ref)
    }

    /// How many slots; equals the batch's length.
    #[allow(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The verdicts in batch order; what is unsettled has become its failure.
    pub fn into_vec(self) -> Vec<Outcome> {
        self.slots
            .into_iter()
            .map(|slot| slot.unwrap_or_else(Outcome::unsettled))
            .collect()
    }
}
