//! Acknowledging and giving back, and how a channel ends.

use std::sync::Arc;

use tokio::time::Instant;

use super::delivery::Unsettled;
use super::entry::DeathReason;
use super::faults::Fault;
use super::queue::GivenBack;
use super::state::State;
use crate::broker::BrokerError;

/// What a client does with a tag.
#[derive(Clone, Copy, Debug)]
pub(super) enum Settlement {
    Ack { multiple: bool },
    Requeue,
}

fn closed(reason: &str) -> BrokerError {
    BrokerError::ChannelClosed(reason.to_owned())
}

impl State {
    /// Settles, unless a fault is in the way.
    pub(super) fn settle(
        &mut self,
        channel: u64,
        tag: u64,
        settlement: Settlement,
        now: Instant,
    ) -> Result<(), BrokerError> {
        let Some(consumer) = self.channels.get(&channel) else {
            return Err(closed("no such channel any more"));
        };
        let connection = consumer.connection;
        if self.faults.strikes(Fault::SettleLost) {
            self.close_channel(channel, Some(closed("before it was settled")), now);
            return self.seen_by_client();
        }
        if self.faults.strikes(Fault::ConnectionLost) {
            if self.faults.coin() {
                self.apply(channel, tag, settlement, now)?;
            }
            self.lose_connection(connection, now);
            return self.seen_by_client();
        }
        self.apply(channel, tag, settlement, now)?;
        if self.faults.strikes(Fault::ClosedAfterSettle) {
            self.close_channel(channel, Some(closed("just after it was settled")), now);
            return self.seen_by_client();
        }
        Ok(())
    }

    /// The client knows that its frame was written, or that it was not; chance decides.
    fn seen_by_client(&mut self) -> Result<(), BrokerError> {
        if self.faults.coin() {
            Ok(())
        } else {
            Err(closed("lost while settling"))
        }
    }

    fn apply(
        &mut self,
        channel: u64,
        tag: u64,
        settlement: Settlement,
        now: Instant,
    ) -> Result<(), BrokerError> {
        let Some(consumer) = self.channels.get_mut(&channel) else {
            return Err(closed("no such channel any more"));
        };
        let settled = match settlement {
            Settlement::Ack { multiple: true } if tag == 0 => {
                std::mem::take(&mut consumer.unsettled)
            }
            _ if !consumer.unsettled.contains_key(&tag) => {
                let reason = format!("406 PRECONDITION_FAILED - unknown delivery tag {tag}");
                self.note_protocol_error(&reason);
                self.close_channel(channel, Some(closed(&reason)), now);
                return Err(closed(&reason));
            }
            Settlement::Ack { multiple: true } => {
                let later = consumer.unsettled.split_off(&(tag + 1));
                std::mem::replace(&mut consumer.unsettled, later)
            }
            Settlement::Ack { multiple: false } | Settlement::Requeue => {
                consumer.unsettled.remove_entry(&tag).into_iter().collect()
            }
        };
        let refilled = Arc::clone(&consumer.queue);
        for held in settled.into_values() {
            match settlement {
                Settlement::Ack { .. } => self.acknowledge(&held),
                Settlement::Requeue => self.give_back(&held, now),
            }
        }
        self.dirty.insert(refilled);
        self.run(now);
        Ok(())
    }

    fn acknowledge(&mut self, held: &Unsettled) {
        let slot = self.queues.get_mut(&held.queue);
        let slot = slot.filter(|s| s.queue.number == held.number);
        if let Some(entry) = slot.and_then(|s| s.queue.settle(held.entry)) {
            self.journal.gone(&entry);
        }
    }

    pub(super) fn give_back(&mut self, held: &Unsettled, now: Instant) {
        let slot = self.queues.get_mut(&held.queue);
        let Some(slot) = slot.filter(|s| s.queue.number == held.number) else {
            return;
        };
        self.dirty.insert(Arc::clone(&held.queue));
        match slot.queue.give_back(held.entry) {
            GivenBack::Ready(returned) => {
                self.journal.came_back(held.number, held.entry, returned);
            }
            GivenBack::TooOften(entry) => {
                self.dead_letter(&held.queue, entry, DeathReason::DeliveryLimit, now);
            }
            GivenBack::Unknown => {}
        }
    }

    /// Ends a channel: the stream ends, with an error where there is one, and what is
    /// unsettled goes back in the order it was handed out.
    pub(super) fn close_channel(&mut self, id: u64, error: Option<BrokerError>, now: Instant) {
        self.end_channel(id, error, now);
        self.run(now);
    }

    /// The same, leaving [`run`](Self::run) to the caller.
    pub(super) fn end_channel(&mut self, id: u64, error: Option<BrokerError>, now: Instant) {
        let Some(mut consumer) = self.channels.remove(&id) else {
            return;
        };
        match error {
            Some(error) => consumer.fail(error),
            None => consumer.end(),
        }
        self.detach(&consumer.queue, id);
        for held in std::mem::take(&mut consumer.unsettled).into_values() {
            self.give_back(&held, now);
        }
    }
}
