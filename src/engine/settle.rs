//! Outcomes → what to publish, what to acknowledge, what to give back.

use std::time::Duration;

use fanout_contract::{Event, EventId, Failure, FollowUp, MAX_HOPS, Outcome, ReasonCode, codes};
use jiff::Timestamp;

use super::buffer::Held;
use super::monitor::Counts;
use super::shared::Shared;
use crate::broker::Message;
use crate::codec;
use crate::recovery::{self, Disposition, FailureNote, decide};
use crate::telemetry::{self, log};
use crate::topology::names;

/// What a batch asks of the broker.
#[derive(Default)]
pub(super) struct Plan {
    /// Tags that may be acknowledged now.
    pub(super) done: Vec<u64>,
    /// Messages to be confirmed before their delivery may be acknowledged.
    pub(super) publications: Vec<Publication>,
    /// Deliveries to be tried again after a pause, with the failure that asks for it.
    pub(super) given_back: Vec<(Held, Failure)>,
    /// What is settled by acknowledgement alone.
    pub(super) counts: Counts,
}

/// Messages that stand for one delivery.
pub(super) struct Publication {
    pub(super) held: Held,
    pub(super) messages: Vec<Outgoing>,
    pub(super) end: End,
}

/// One message and what it is.
pub(super) struct Outgoing {
    pub(super) message: Message,
    /// A follow-up that no queue takes becomes a dead letter of its own.
    pub(super) is_follow_up: bool,
}

/// How a delivery ends once its messages are confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Applied { follow_ups: u64 },
    Retried { code: ReasonCode, delay: Duration },
    DeadLettered(ReasonCode),
    Suspect,
}

impl Shared {
    /// Decides on every event of a batch.
    pub(super) fn plan(&self, outcomes: Vec<(Held, Outcome)>) -> Plan {
        let config = &self.config;
        let decided: Vec<_> = outcomes
            .into_iter()
            .map(|(held, outcome)| {
                let delays = &config.queue.retry_delays;
                let disposition = decide(outcome, held.attempt(), delays, config.unknown_kind);
                within_hops(held, disposition)
            })
            .collect();
        let codes = decided.iter().map(|(_, disposition)| match disposition {
            Disposition::DeadLetter { failure } => Some(failure.code()),
            _ => None,
        });
        let flood = self.destination.observe(codes);
        let mut plan = Plan::default();
        for (held, disposition) in decided {
            self.add(&mut plan, held, disposition, flood);
        }
        plan
    }

    fn add(
        &self,
        plan: &mut Plan,
        held: Held,
        disposition: Disposition,
        flood: Option<ReasonCode>,
    ) {
        match disposition {
            Disposition::Acknowledge {
                follow_ups,
                skipped,
            } if follow_ups.is_empty() => {
                plan.done.push(held.delivery.tag);
                match skipped {
                    Some(_) => plan.counts.skipped += 1,
                    None => plan.counts.applied += 1,
                }
            }
            Disposition::Acknowledge { follow_ups, .. } => {
                plan.publications.push(self.follow_ups(held, &follow_ups));
            }
            Disposition::Retry { delay, failure } => {
                let target = if delay.is_zero() {
                    self.queue().to_owned()
                } else {
                    names::retry(self.queue(), delay)
                };
                let message = recovery::retry(
                    &held.delivery.message,
                    id(&held),
                    target,
                    &self.note(&held, &failure),
                );
                let code = failure.code();
                plan.publications
                    .push(single(held, message, End::Retried { code, delay }));
            }
            Disposition::DeadLetter { failure } if flood == Some(failure.code()) => {
                plan.given_back.push((held, failure));
            }
            Disposition::DeadLetter { failure } => {
                plan.publications.push(self.dead_letter(held, &failure));
            }
            Disposition::GiveBack { failure } => plan.given_back.push((held, failure)),
        }
    }

    /// The dead letter of a delivery.
    pub(super) fn dead_letter(&self, held: Held, failure: &Failure) -> Publication {
        let target = self.config.queue.dead_letter.clone();
        let note = self.note(&held, failure);
        let message = recovery::dead_letter(&held.delivery.message, id(&held), target, &note);
        single(held, message, End::DeadLettered(failure.code()))
    }

    /// The delivery as it goes to the suspect queue.
    pub(super) fn suspect(&self, held: Held) -> Publication {
        let target = names::suspect(self.queue());
        let message = recovery::suspect(&held.delivery.message, id(&held), target);
        single(held, message, End::Suspect)
    }

    /// An unroutable follow-up as a dead letter.
    pub(super) fn unroutable(&self, message: &Message) -> Message {
        let error = format!(
            "no queue takes exchange '{}' with key '{}'",
            message.exchange, message.routing_key
        );
        let note = FailureNote {
            queue: self.queue(),
            attempt: 1,
            code: recovery::codes::UNROUTABLE,
            error: &error,
            at: Timestamp::now(),
        };
        recovery::dead_letter(message, None, self.config.queue.dead_letter.clone(), &note)
    }

    fn follow_ups(&self, held: Held, follow_ups: &[FollowUp]) -> Publication {
        let Ok(source) = held.event.clone() else {
            return Publication {
                held,
                messages: Vec::new(),
                end: End::Applied { follow_ups: 0 },
            };
        };
        let messages = follow_ups
            .iter()
            .enumerate()
            .map(|(index, follow_up)| Outgoing {
                message: self.follow_up(&source, index, follow_up),
                is_follow_up: true,
            })
            .collect();
        let end = End::Applied {
            follow_ups: follow_ups.len() as u64,
        };
        Publication {
            held,
            messages,
            end,
        }
    }

    fn follow_up(&self, source: &Event, index: usize, follow_up: &FollowUp) -> Message {
        let route = self.config.follow_ups.get(follow_up.kind());
        let exchange = follow_up
            .exchange()
            .or(route.map(|r| r.exchange.as_str()))
            .unwrap_or(&self.config.default_exchange);
        let key = follow_up
            .routing_key()
            .or(route.and_then(|r| r.routing_key.as_deref()))
            .unwrap_or(follow_up.kind());
        let body = codec::encode_follow_up(source, index, follow_up);
        recovery::follow_up(
            source,
            index,
            follow_up,
            exchange.to_owned(),
            key.to_owned(),
            body,
        )
    }

    fn note<'a>(&'a self, held: &Held, failure: &'a Failure) -> FailureNote<'a> {
        FailureNote {
            queue: self.queue(),
            attempt: held.attempt(),
            code: failure.code(),
            error: failure.message(),
            at: Timestamp::now(),
        }
    }
}

fn single(held: Held, message: Message, end: End) -> Publication {
    Publication {
        held,
        messages: vec![Outgoing {
            message,
            is_follow_up: false,
        }],
        end,
    }
}

fn id(held: &Held) -> Option<&EventId> {
    held.event.as_ref().ok().map(Event::id)
}

/// A chain that is too long is a loop: its last event is dead-lettered.
fn within_hops(held: Held, disposition: Disposition) -> (Held, Disposition) {
    let hops = held.event.as_ref().map_or(0, Event::hops);
    let too_long = matches!(&disposition, Disposition::Acknowledge { follow_ups, .. }
        if !follow_ups.is_empty() && hops >= MAX_HOPS);
    if !too_long {
        return (held, disposition);
    }
    let text = format!("follow-ups of an event that is {hops} hops from its origin");
    let failure = Failure::permanent(codes::HOP_LIMIT, text);
    (held, Disposition::DeadLetter { failure })
}

impl Shared {
    /// Counts how a delivery ended, once that is certain.
    pub(super) fn ended(&self, publication: &Publication) {
        let mut counts = Counts::default();
        self.tell(publication);
        let (outcome, code) = match publication.end {
            End::Applied { follow_ups } => {
                (counts.applied, counts.follow_ups) = (1, follow_ups);
                ("applied", "")
            }
            End::Retried { code, delay } => {
                counts.retried = 1;
                telemetry::retried(self.queue(), names::delay_label(delay));
                ("retried", code.as_str())
            }
            End::DeadLettered(code) => {
                counts.dead_lettered = 1;
                ("dead-lettered", code.as_str())
            }
            End::Suspect => {
                counts.suspects = 1;
                ("suspect", "")
            }
        };
        self.monitor.add(counts);
        telemetry::settled(self.queue(), outcome, code, 1);
    }

    fn tell(&self, publication: &Publication) {
        let held = &publication.held;
        let which = log::Which {
            queue: self.queue(),
            event: held.event.as_ref().ok().map(|event| event.id().as_str()),
            attempt: held.attempt(),
        };
        let trouble = &self.trouble;
        match publication.end {
            End::Applied { .. } => {}
            End::Retried { code, delay } => {
                if let Some(suppressed) = trouble.retried.again(code.as_str()) {
                    log::event_retried(which, code, delay, suppressed);
                }
            }
            End::DeadLettered(code) => {
                if let Some(suppressed) = trouble.dead_lettered.again(code.as_str()) {
                    log::event_dead_lettered(which, code, suppressed);
                }
            }
            End::Suspect => {
                if let Some(suppressed) = trouble.suspects.again("") {
                    log::event_suspect(which, suppressed);
                }
            }
        }
    }

    /// Counts what was settled by acknowledgement alone.
    pub(super) fn count(&self, counts: Counts) {
        self.monitor.add(counts);
        telemetry::settled(self.queue(), "applied", "", counts.applied);
        telemetry::settled(self.queue(), "skipped", "", counts.skipped);
    }
}
