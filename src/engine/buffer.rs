//! What waits for a batch. Adapts to the destination: under a backlog batches are full, when
//! idle an event hardly waits, and a destination that misses its deadline gets less at once.

use std::collections::VecDeque;
use std::time::Duration;

use fanout_contract::{Event, Failure};
use tokio::time::Instant;

use crate::broker::Delivery;
use crate::codec::{Codec, IdOrigin};
use crate::config::BatchConfig;

/// Shortest wait for company: what arrives in one burst goes together.
const MIN_LINGER: Duration = Duration::from_millis(2);
/// While a batch is under way the next one waits this much longer than it otherwise would at
/// most: many small calls side by side cost the destination more than they gain.
const BUSY: u32 = 5;

/// A delivery that is ours to settle.
#[derive(Debug)]
pub(super) struct Held {
    /// As the broker handed it out.
    pub(super) delivery: Delivery,
    /// As the codec read it, or why it could not.
    pub(super) event: Result<Event, Failure>,
    /// When it came.
    pub(super) received: Instant,
}

impl Held {
    /// Reads a delivery; also answers whether the event had no id and got one of its own.
    pub(super) fn new(codec: &Codec, delivery: Delivery) -> (Self, bool) {
        let event = codec.decode(&delivery.message);
        let assigned = matches!(&event, Ok(e) if e.id_origin == IdOrigin::Assigned);
        let held = Self {
            delivery,
            event: event.map(|e| e.event).map_err(|e| e.failure),
            received: Instant::now(),
        };
        (held, assigned)
    }

    /// Which attempt this is; an unreadable event is never tried again.
    pub(super) fn attempt(&self) -> u32 {
        self.event.as_ref().map_or(1, Event::attempt)
    }

    fn bytes(&self) -> usize {
        self.delivery.message.body.len()
    }
}

/// Events in arrival order.
#[derive(Debug)]
pub(super) struct Buffer {
    config: BatchConfig,
    held: VecDeque<Held>,
    bytes: usize,
    since: Option<Instant>,
    /// Events of the next batch at most; shrinks after a missed deadline.
    limit: usize,
    /// Smoothed time of a call, which sets how long it pays to wait for company.
    latency: Duration,
}

impl Buffer {
    pub(super) fn new(config: BatchConfig) -> Self {
        let limit = config.max_events.max(1);
        Self {
            config,
            held: VecDeque::new(),
            bytes: 0,
            since: None,
            limit,
            latency: Duration::ZERO,
        }
    }

    pub(super) fn push(&mut self, held: Held) {
        self.since.get_or_insert(held.received);
        self.bytes = self.bytes.saturating_add(held.bytes());
        self.held.push_back(held);
    }

    /// Puts back what was given back, before everything that came later.
    pub(super) fn put_back(&mut self, held: Vec<Held>) {
        for held in held.into_iter().rev() {
            self.since = Some(held.received);
            self.bytes = self.bytes.saturating_add(held.bytes());
            self.held.push_front(held);
        }
    }

    /// When the next batch should go; `None` where there is nothing. `busy` = one is under way.
    pub(super) fn due(&self, busy: bool) -> Option<Instant> {
        let since = self.since?;
        let full = self.held.len() >= self.limit || self.bytes >= self.config.max_bytes;
        Some(match (full, busy) {
            (true, _) => since,
            (false, true) => since + self.config.max_wait * BUSY,
            (false, false) => since + self.linger(),
        })
    }

    fn linger(&self) -> Duration {
        (self.latency / 4).max(MIN_LINGER).min(self.config.max_wait)
    }

    /// The next batch: up to the limits, at least one event where there is one.
    pub(super) fn take(&mut self, most: usize) -> Vec<Held> {
        let most = most.min(self.limit);
        let mut batch = Vec::with_capacity(most.min(self.held.len()));
        let mut bytes = 0_usize;
        while batch.len() < most {
            let fits = |held: &mut Held| {
                batch.is_empty() || bytes.saturating_add(held.bytes()) <= self.config.max_bytes
            };
            let Some(held) = self.held.pop_front_if(fits) else {
                break;
            };
            bytes = bytes.saturating_add(held.bytes());
            batch.push(held);
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        self.since = self.held.front().map(|held| held.received);
        batch
    }

    /// Forgets everything: it goes back with its channel.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        (self.bytes, self.since) = (0, None);
    }

    /// A call has answered within its deadline.
    pub(super) fn answered(&mut self, took: Duration) {
        self.latency = (self.latency * 3 + took) / 4;
        self.limit = self
            .limit
            .saturating_mul(2)
            .min(self.config.max_events.max(1));
    }

    /// A call has missed its deadline: less at once, so that a destination that is merely
    /// slow gets through and an event that stalls ends up alone.
    pub(super) fn missed_deadline(&mut self) {
        self.limit = (self.limit / 4).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Message;
    use bytes::Bytes;

    fn held(tag: u64, bytes: usize) -> Held {
        let message = Message {
            body: Bytes::from(vec![0; bytes]),
            ..Message::default()
        };
        let delivery = Delivery {
            tag,
            redelivered: false,
            delivery_count: None,
            message,
        };
        let failure = Failure::permanent(fanout_contract::codes::PAYLOAD_INVALID, "x");
        Held {
            delivery,
            event: Err(failure),
            received: Instant::now(),
        }
    }

    fn buffer(events: u64, bytes: usize) -> Buffer {
        let mut buffer = Buffer::new(BatchConfig::default());
        (1..=events).for_each(|tag| buffer.push(held(tag, bytes)));
        buffer
    }

    fn tags(batch: &[Held]) -> Vec<u64> {
        batch.iter().map(|h| h.delivery.tag).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_batch_goes_at_once_and_a_partial_one_waits_a_little() {
        let now = Instant::now();
        assert_eq!(buffer(1000, 1).due(false), Some(now));
        assert_eq!(buffer(999, 1).due(false), Some(now + MIN_LINGER));
        assert_eq!(buffer(0, 1).due(false), None);
    }

    #[tokio::test(start_paused = true)]
    async fn while_a_batch_is_under_way_a_partial_one_waits_for_it() {
        let now = Instant::now();
        let later = now + Duration::from_millis(100);
        assert_eq!(buffer(1000, 1).due(true), Some(now));
        assert_eq!(buffer(999, 1).due(true), Some(later));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_company_follows_the_latency_up_to_the_limit() {
        let mut buffer = buffer(1, 1);
        (0..50).for_each(|_| buffer.answered(Duration::from_secs(1)));
        assert_eq!(
            buffer.due(false),
            Some(Instant::now() + Duration::from_millis(20))
        );
    }

    #[tokio::test]
    async fn a_batch_is_bounded_by_bytes_but_never_empty() {
        let mut buffer = buffer(3, 3 << 20);
        assert_eq!(tags(&buffer.take(usize::MAX)), [1]);
        buffer.put_back(vec![held(9, 20 << 20)]);
        assert_eq!(tags(&buffer.take(usize::MAX)), [9]);
    }

    #[tokio::test]
    async fn what_is_put_back_keeps_its_place_before_later_events() {
        let mut buffer = buffer(4, 1);
        let batch = buffer.take(2);
        buffer.put_back(batch);
        assert_eq!(tags(&buffer.take(usize::MAX)), [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn missed_deadlines_shrink_the_batch_to_one_and_answers_grow_it_again() {
        let mut buffer = buffer(2000, 1);
        (0..6).for_each(|_| buffer.missed_deadline());
        assert_eq!(buffer.take(usize::MAX).len(), 1);
        (0..10).for_each(|_| buffer.answered(Duration::ZERO));
        assert_eq!(buffer.take(usize::MAX).len(), 1000);
    }
}
