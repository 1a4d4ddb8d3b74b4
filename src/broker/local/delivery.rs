//! Consumers: who gets the next message, prefetch, cancellation.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::entry::Entry;
use super::faults::Fault;
use super::state::State;
use crate::broker::{BrokerError, Delivery, Message};

pub(super) type Deliveries = mpsc::UnboundedSender<Result<Delivery, BrokerError>>;

/// What RabbitMQ makes of a prefetch of 0 on a quorum queue.
const UNSET_PREFETCH: usize = 2_000;

/// A message in a client's hands.
#[derive(Debug)]
pub(super) struct Unsettled {
    /// It may have been deleted since.
    pub(super) queue: Arc<str>,
    /// Of the queue: another one may go by its name now.
    pub(super) number: u32,
    pub(super) entry: u64,
    since: Instant,
}

impl Unsettled {
    pub(super) fn of(queue: &Arc<str>, entry: &Entry, since: Instant) -> Self {
        Self {
            queue: Arc::clone(queue),
            number: entry.home,
            entry: entry.id,
            since,
        }
    }
}

/// A delivery between broker and client.
#[derive(Debug)]
struct OnTheWay {
    /// When it arrives.
    at: Instant,
    /// What the journal must have written before: the hand-out counts for certain.
    after: u64,
    delivery: Delivery,
}

/// A channel with its one consumer.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) connection: u64,
    pub(super) queue: Arc<str>,
    prefetch: usize,
    last_tag: u64,
    pub(super) unsettled: BTreeMap<u64, Unsettled>,
    /// On its way to the client, in order.
    on_the_way: VecDeque<OnTheWay>,
    /// `None` once cancelled. Bounded by the prefetch.
    deliveries: Option<Deliveries>,
}

impl Consumer {
    pub(super) fn new(connection: u64, queue: Arc<str>, prefetch: u16, out: Deliveries) -> Self {
        Self {
            connection,
            queue,
            prefetch: match prefetch {
                0 => UNSET_PREFETCH,
                set => usize::from(set),
            },
            last_tag: 0,
            unsettled: BTreeMap::new(),
            on_the_way: VecDeque::new(),
            deliveries: Some(out),
        }
    }

    /// Still consuming: not cancelled, and its stream has not been dropped.
    fn is_alive(&self) -> bool {
        self.deliveries.as_ref().is_some_and(|d| !d.is_closed())
    }

    fn has_credit(&self) -> bool {
        self.unsettled.len() < self.prefetch
    }

    /// Hands the client what has arrived by now.
    pub(super) fn flush(&mut self, now: Instant, written: u64) {
        while self.arrives(written).is_some_and(|at| at <= now) {
            self.arrive();
        }
    }

    fn arrive(&mut self) {
        if let (Some(next), Some(out)) = (self.on_the_way.pop_front(), &self.deliveries) {
            // A dropped stream is noticed at the next delivery.
            let _ = out.send(Ok(next.delivery));
        }
    }

    fn arrives(&self, written: u64) -> Option<Instant> {
        let next = self.on_the_way.front()?;
        (next.after <= written).then_some(next.at)
    }

    /// When what it holds longest has been held longer than the consumer timeout.
    fn times_out(&self, timeout: Duration) -> Option<Instant> {
        let oldest = self.unsettled.values().next()?;
        oldest.since.checked_add(timeout)
    }

    pub(super) fn next_due(&self, timeout: Duration, written: u64) -> Option<Instant> {
        let times_out = self.times_out(timeout);
        self.arrives(written).into_iter().chain(times_out).min()
    }

    /// Ends the stream in order: what was sent before still arrives.
    pub(super) fn end(&mut self) {
        while !self.on_the_way.is_empty() {
            self.arrive();
        }
        self.deliveries = None;
    }

    /// Ends the stream with an error; what is on its way is lost with the channel.
    pub(super) fn fail(&mut self, error: BrokerError) {
        self.on_the_way.clear();
        if let Some(out) = self.deliveries.take() {
            let _ = out.send(Err(error));
        }
    }
}

impl State {
    /// Hands out what the queue has to whoever has credit, in turns.
    pub(super) fn deliver(&mut self, name: &Arc<str>, now: Instant) {
        while self
            .queues
            .get(name)
            .is_some_and(|s| s.queue.ready_len() > 0)
        {
            let Some(id) = self.next_consumer(name) else {
                return;
            };
            if self.faults.strikes(Fault::ConsumerCancelled) {
                self.cancel(id);
            } else if self.faults.strikes(Fault::ConnectionLost) {
                self.lose_connection_of(id, now);
            } else {
                self.hand_out(name, id, now);
            }
        }
    }

    fn next_consumer(&mut self, name: &Arc<str>) -> Option<u64> {
        let slot = self.queues.get_mut(name)?;
        for _ in 0..slot.consumers.len() {
            let id = slot.consumers.pop_front()?;
            let Some(consumer) = self.channels.get(&id).filter(|c| c.is_alive()) else {
                continue;
            };
            slot.consumers.push_back(id);
            if consumer.has_credit() {
                return Some(id);
            }
        }
        None
    }

    fn hand_out(&mut self, name: &Arc<str>, id: u64, now: Instant) {
        let (Some(slot), Some(consumer)) = (self.queues.get_mut(name), self.channels.get_mut(&id))
        else {
            return;
        };
        let counts = slot.queue.spec.quorum;
        let Some(entry) = slot.queue.take() else {
            return;
        };
        let after = self.journal.handed_out(entry, counts && entry.is_high());
        consumer.last_tag += 1;
        let tag = consumer.last_tag;
        let unsettled = Unsettled::of(name, entry, now);
        consumer.unsettled.insert(tag, unsettled);
        let delivery = Delivery {
            tag,
            redelivered: entry.returned > 0,
            delivery_count: counts.then_some(entry.returned),
            message: Message::clone(&entry.message),
        };
        let delay = if self.faults.strikes(Fault::DeliveryDelayed) {
            self.faults.delay()
        } else {
            Duration::ZERO
        };
        // A channel is in order: nothing overtakes what was sent before.
        let before = consumer.on_the_way.back().map_or(now, |last| last.at);
        consumer.on_the_way.push_back(OnTheWay {
            at: before.max(now + delay),
            after,
            delivery,
        });
        consumer.flush(now, self.journal.written());
    }

    /// Closes the channels that hold a delivery for too long.
    pub(super) fn time_out(&mut self, now: Instant) {
        let timeout = self.consumer_timeout;
        let late = |c: &Consumer| c.times_out(timeout).is_some_and(|at| at <= now);
        let late: Vec<_> = self
            .channels
            .iter()
            .filter(|(_, consumer)| late(consumer))
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            let reason = format!(
                "406 PRECONDITION_FAILED - delivery acknowledgement timed out after {timeout:?}"
            );
            self.note_protocol_error(&reason);
            self.end_channel(id, Some(BrokerError::ChannelClosed(reason)), now);
        }
    }

    /// Cancels a consumer, by either side; what is unsettled stays so.
    pub(super) fn cancel(&mut self, id: u64) {
        let Some(consumer) = self.channels.get_mut(&id) else {
            return;
        };
        consumer.end();
        let queue = Arc::clone(&consumer.queue);
        self.detach(&queue, id);
    }

    pub(super) fn detach(&mut self, queue: &Arc<str>, id: u64) {
        if let Some(slot) = self.queues.get_mut(queue) {
            slot.consumers.retain(|c| *c != id);
        }
    }

    /// Deletes a queue with everything in it; its consumers are cancelled.
    pub(super) fn delete_queue(&mut self, name: &str) -> bool {
        let Some(slot) = self.queues.remove(name) else {
            return false;
        };
        self.journal.deleted(slot.queue.number);
        for entry in slot.queue.entries() {
            self.journal.forget(entry);
        }
        for id in slot.consumers {
            self.cancel(id);
        }
        true
    }
}
