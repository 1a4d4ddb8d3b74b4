//! Answers of the processor and of the broker → acknowledgements, pauses, give-backs.

use std::time::Duration;

use fanout_contract::{Failure, Outcome, Remedy};
use futures::FutureExt;
use tokio::time::Instant;

use super::{Epoch, FIRST_PAUSE};
use crate::engine::batch_run::Answered;
use crate::engine::buffer::Held;
use crate::engine::confirm::{Confirmation, confirm};
use crate::engine::monitor::Counts;
use crate::telemetry;

/// Longest pause below the breaker's threshold.
const MAX_PAUSE: Duration = Duration::from_secs(5);

impl Epoch<'_> {
    /// Turns the outcomes of a batch into publications, acknowledgements and pauses.
    pub(super) async fn answered(&mut self, answered: Answered) {
        let events = answered.outcomes.len();
        let passed = answered.passed();
        if passed > 0 {
            self.shared.destination.answered();
            self.shared.alone.passed(answered.done());
            self.pause = FIRST_PAUSE;
        }
        if let Some(failure) = answered.unavailable().cloned() {
            self.unavailable(&failure);
        } else if let Some(took) = answered.took {
            self.buffer.answered(took);
        }
        if let Some(took) = answered.took {
            telemetry::batch(self.shared.queue(), events, took);
        }
        let oldest = answered
            .outcomes
            .iter()
            .map(|(held, _)| held.received)
            .min();
        let applied = answered
            .outcomes
            .iter()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Applied(_)));
        let first = applied
            .filter_map(|(held, _)| held.event.as_ref().ok()?.occurred_at())
            .min();
        let plan = self.shared.plan(answered.outcomes);
        let now = Instant::now();
        plan.done
            .iter()
            .for_each(|tag| self.tracker.done(*tag, now));
        self.shared.count(plan.counts);
        for publication in plan.publications {
            self.confirming
                .push(confirm(self.shared.clone(), publication).boxed());
        }
        self.give_back(plan.given_back).await;
        if let Some(oldest) = oldest {
            telemetry::latency(self.shared.queue(), oldest.elapsed());
        }
        if let Some(first) = first {
            let age = jiff::Timestamp::now().duration_since(first);
            telemetry::age(self.shared.queue(), age.as_secs_f64());
        }
        self.shared.monitor.settled();
    }

    fn unavailable(&mut self, failure: &Failure) {
        if failure.code() == fanout_contract::codes::DEADLINE_EXCEEDED {
            self.buffer.missed_deadline();
        }
        self.shared.destination.unavailable(failure);
    }

    /// Keeps what was given back at the head of the buffer and pauses, so that the lane
    /// never spins. A broker requeue would count as a delivery and lose its place; it is for
    /// what has been held for too long.
    async fn give_back(&mut self, given_back: Vec<(Held, Failure)>) {
        let Some((_, failure)) = given_back.first() else {
            return;
        };
        let wait = match failure.wait() {
            Some(wait) => wait.min(self.shared.config.hold_limit()),
            None if failure.remedy() == Remedy::Yield => FIRST_PAUSE.mul_f64(fastrand::f64()),
            None => {
                let pause = self.pause;
                self.pause = (pause * 2).min(MAX_PAUSE);
                pause
            }
        };
        telemetry::settled(
            self.shared.queue(),
            "given-back",
            failure.code().as_str(),
            given_back.len() as u64,
        );
        self.shared.monitor.add(Counts {
            given_back: given_back.len() as u64,
            ..Counts::default()
        });
        self.paused_until = Some(Instant::now() + wait);
        if self.stopping {
            return;
        }
        let limit = self.shared.config.hold_limit();
        let (stale, fresh): (Vec<_>, Vec<_>) = given_back
            .into_iter()
            .map(|(held, _)| held)
            .partition(|held| held.received.elapsed() >= limit);
        self.buffer.put_back(fresh);
        for held in stale {
            self.requeue(held.delivery.tag).await;
        }
    }

    /// Gives one delivery back to its queue.
    async fn requeue(&mut self, tag: u64) {
        match self.subscription.channel.requeue(tag).await {
            Ok(()) => self.tracker.gone(tag),
            Err(error) => self.broken = Some(error),
        }
    }

    pub(super) async fn confirmed(&mut self, confirmation: Confirmation) {
        let Confirmation {
            publication,
            confirmed,
        } = confirmation;
        let tag = publication.held.delivery.tag;
        if confirmed {
            self.tracker.done(tag, Instant::now());
            self.shared.ended(&publication);
        } else {
            self.requeue(tag).await;
        }
    }

    /// Acknowledges what is done; single ones after `patience` with what is not.
    pub(super) async fn acknowledge(&mut self, patience: Duration) {
        let mut acks = self.tracker.take_overtaking(Instant::now(), patience);
        acks.extend(self.tracker.take_prefix());
        for ack in acks {
            if let Err(error) = self.subscription.channel.ack(ack.tag, ack.multiple).await {
                self.broken = Some(error);
                return;
            }
        }
    }
}
