//! What became of the events of a trial.

use std::time::Duration;

use fanout_contract::{Event, EventId, Failure, FailureClass, ReasonCode, SkipReason};

use super::observed::Call;
use crate::broker::{HeaderValue, Message};
use crate::topology::names::headers;

/// What the processor answered for one event in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Applied.
    Applied,
    /// Skipped for this reason.
    Skipped(SkipReason),
    /// Failed, alone or with its whole batch.
    Failed(FailureClass, ReasonCode),
    /// Nothing: the slot stayed unsettled, or the call panicked, was dropped, or still runs.
    None,
}

impl Answer {
    pub(super) fn failed(failure: &Failure) -> Self {
        Self::Failed(failure.class(), failure.code())
    }
}

/// One call of the processor with this event in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    /// The attempt the event said it was; the first is 1. A repeat that spends no attempt
    /// has the same number.
    pub attempt: u32,
    /// Time since the first call with this event.
    pub after: Duration,
    /// Events in the same call, itself included.
    pub together: usize,
    /// What was answered.
    pub answer: Answer,
}

/// Where an event has come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Applied.
    Applied,
    /// Skipped for this reason.
    Skipped(SkipReason),
    /// In the dead-letter queue, with this reason code.
    DeadLettered(String),
}

/// A message in the dead-letter queue.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Event id, where it has one.
    pub id: Option<String>,
    /// Reason code; the broker's own word where the broker dead-lettered it.
    pub reason: String,
    /// Attempts it has had.
    pub attempts: u32,
    /// The message.
    pub message: Message,
}

impl DeadLetter {
    pub(super) fn of(message: Message) -> Self {
        let header = |name: &str| message.properties.headers.get(name);
        let reason = header(headers::REASON).or_else(|| header("x-first-death-reason"));
        let attempts = header(headers::ATTEMPT).and_then(HeaderValue::as_int);
        Self {
            id: message.properties.message_id.clone(),
            reason: reason
                .and_then(HeaderValue::as_str)
                .unwrap_or_default()
                .to_owned(),
            attempts: attempts.and_then(|a| u32::try_from(a).ok()).unwrap_or(1),
            message,
        }
    }
}

/// Everything at one moment of a trial.
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) calls: Vec<Call>,
    pub(super) dead_letters: Vec<DeadLetter>,
    pub(super) follow_ups: Vec<Event>,
}

impl Report {
    /// All calls with this event, in order.
    pub fn tries(&self, id: &EventId) -> Vec<Try> {
        let mut tries = Vec::new();
        let mut first = None;
        for call in &self.calls {
            for (slot, (event, attempt)) in call.events.iter().enumerate() {
                if event != id {
                    continue;
                }
                let first = *first.get_or_insert(call.at);
                let answers = call.answers.as_ref();
                tries.push(Try {
                    attempt: *attempt,
                    after: call.at.saturating_duration_since(first),
                    together: call.events.len(),
                    answer: answers
                        .and_then(|a| a.get(slot).copied())
                        .unwrap_or(Answer::None),
                });
            }
        }
        tries
    }

    /// Where this event has come to its end; `None` while it has not. A dead letter counts
    /// also where the event was applied before.
    pub fn end(&self, id: &EventId) -> Option<End> {
        let dead = self.dead_letters.iter();
        let mut dead = dead.filter(|d| d.id.as_deref() == Some(id.as_str()));
        if let Some(dead) = dead.next() {
            return Some(End::DeadLettered(dead.reason.clone()));
        }
        self.tries(id).iter().find_map(|t| match t.answer {
            Answer::Applied => Some(End::Applied),
            Answer::Skipped(reason) => Some(End::Skipped(reason)),
            Answer::Failed(..) | Answer::None => None,
        })
    }

    /// The dead-letter queue, oldest first.
    pub fn dead_letters(&self) -> &[DeadLetter] {
        &self.dead_letters
    }

    /// Follow-up events as others receive them, oldest first. A crash between their
    /// publication and the acknowledgement repeats them with the same id.
    pub fn follow_ups(&self) -> &[Event] {
        &self.follow_ups
    }

    /// Sizes of the batches of all calls, in order.
    pub fn batches(&self) -> Vec<usize> {
        self.calls.iter().map(|c| c.events.len()).collect()
    }
}
