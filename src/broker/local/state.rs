//! All state of a local broker: queues, channels, connections, and what moves between queues.
//!
//! Everything here is synchronous and is told the time; the lock around it is never held
//! across an await. Every entry point ends in [`State::run`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::connection::Connection;
use super::delivery::Consumer;
use super::entry::{Death, DeathReason, Entry};
use super::exchange::{Exchanges, routing_keys};
use super::faults::{Fault, FaultPlan, Faults};
use super::journal::{Arrival, Confirm, Journal};
use super::queue::{Queue, Spec};
use crate::broker::{Message, PublishError};
use crate::topology::Topology;

/// RabbitMQ's default.
const CONSUMER_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Protocol errors kept.
const PROTOCOL_ERRORS: usize = 100;

/// A queue and who consumes it, next in turn first.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) queue: Queue,
    pub(super) consumers: VecDeque<u64>,
}

/// What becomes of a publish.
#[derive(Debug)]
pub(super) enum Published {
    /// Decided.
    Done(Result<(), PublishError>),
    /// Taken; the answer comes once it is written.
    Writing(oneshot::Receiver<Result<(), PublishError>>),
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) topology: Topology,
    exchanges: Exchanges,
    pub(super) queues: BTreeMap<Arc<str>, Slot>,
    pub(super) channels: BTreeMap<u64, Consumer>,
    pub(super) connections: BTreeMap<u64, Connection>,
    /// Queues something has happened to since the last [`run`](Self::run).
    pub(super) dirty: BTreeSet<Arc<str>>,
    pub(super) faults: Faults,
    pub(super) journal: Journal,
    pub(super) consumer_timeout: Duration,
    /// What clients did that closed their channel.
    pub(super) protocol_errors: VecDeque<String>,
    pub(super) last_id: u64,
    pub(super) last_queue: u32,
}

impl State {
    /// In memory, with the queues of the topology.
    pub(super) fn new(topology: Topology) -> Self {
        let mut state = Self::without_queues(topology, Journal::default());
        state.declare();
        state
    }

    pub(super) fn without_queues(topology: Topology, journal: Journal) -> Self {
        Self {
            exchanges: Exchanges::from_topology(&topology),
            topology,
            queues: BTreeMap::new(),
            channels: BTreeMap::new(),
            connections: BTreeMap::new(),
            dirty: BTreeSet::new(),
            faults: Faults::new(FaultPlan::seeded(0)),
            journal,
            consumer_timeout: CONSUMER_TIMEOUT,
            protocol_errors: VecDeque::new(),
            last_id: 0,
            last_queue: 0,
        }
    }

    /// Creates the queues of the topology that are not there (any more).
    pub(super) fn declare(&mut self) {
        for queue in &self.topology.queues {
            if self.queues.contains_key(queue.name.as_str()) {
                continue;
            }
            let spec = Spec::new(queue);
            self.last_queue += 1;
            self.journal.declared(self.last_queue, &spec);
            let slot = Slot {
                queue: Queue::new(spec.clone(), self.last_queue),
                consumers: VecDeque::new(),
            };
            self.queues.insert(spec.name, slot);
        }
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Publishes to every queue the message is routed to. One that refuses makes the whole
    /// publish refused, though others have taken it.
    pub(super) fn publish(&mut self, message: &Message, now: Instant) -> Published {
        let Some(targets) = self.existing(message) else {
            return Published::Done(Err(PublishError::NoExchange(message.exchange.clone())));
        };
        if targets.is_empty() {
            return Published::Done(Err(PublishError::Unroutable {
                exchange: message.exchange.clone(),
                routing_key: message.routing_key.clone(),
            }));
        }
        let mut message = message.clone();
        message.properties.headers.remove("BCC");
        let message = Arc::new(message);
        let mut refused = false;
        let mut entries = Vec::with_capacity(targets.len());
        for target in targets {
            match self.entry(&target, &message, &[], now) {
                Some(entry) if self.has_room(&target, &entry) => entries.push((target, entry)),
                _ => refused = true,
            }
        }
        let published = self.arrive(entries, refused, now);
        self.run(now);
        published
    }

    fn existing(&self, message: &Message) -> Option<Vec<Arc<str>>> {
        let keys = routing_keys(message);
        let targets = self.exchanges.route(&message.exchange, &keys)?;
        let existing = targets.into_iter().filter(|t| self.queues.contains_key(t));
        Some(existing.collect())
    }

    fn accepts(&self, queue: &str, message: &Message) -> bool {
        let bytes = u64::try_from(message.body.len()).unwrap_or(u64::MAX);
        self.queues
            .get(queue)
            .is_some_and(|slot| slot.queue.accepts(bytes))
    }

    /// Whether a new event may come in. What was taken once may always move on: a retry
    /// that finds no room would hold what it was made from.
    fn has_room(&self, target: &Arc<str>, entry: &Entry) -> bool {
        let main = self.queues.get(target).is_some_and(|s| s.queue.spec.main);
        !main || self.journal.has_room(entry.cost())
    }

    /// An entry for a queue that takes it.
    fn entry(
        &mut self,
        target: &Arc<str>,
        message: &Arc<Message>,
        deaths: &[Death],
        now: Instant,
    ) -> Option<Entry> {
        if !self.accepts(target, message) {
            return None;
        }
        let id = self.next_id();
        let queue = &self.queues.get(target)?.queue;
        let expiration = message.properties.expiration.as_deref();
        Some(Entry {
            id,
            home: queue.number,
            message: Arc::clone(message),
            expires_at: queue.spec.expires_at(expiration, now),
            returned: 0,
            deaths: deaths.to_vec(),
        })
    }

    /// Brings a publish into its queues: at once, or once it is written.
    fn arrive(
        &mut self,
        entries: Vec<(Arc<str>, Entry)>,
        refused: bool,
        now: Instant,
    ) -> Published {
        if !self.journal.is_durable() || entries.is_empty() {
            self.enqueue(entries, now);
            return Published::Done(match refused {
                true => Err(PublishError::Refused),
                false => Ok(()),
            });
        }
        if self.journal.closing {
            let reason = "broker closed".to_owned();
            return Published::Done(Err(PublishError::NotConnected(reason)));
        }
        if self.journal.trouble.is_some() {
            return Published::Done(Err(PublishError::Refused));
        }
        let (to, written) = oneshot::channel();
        self.hold(entries, Some(Confirm { to, refused }));
        Published::Writing(written)
    }

    /// Keeps room for entries that arrive once they are written.
    fn hold(&mut self, entries: Vec<(Arc<str>, Entry)>, confirm: Option<Confirm>) {
        for (target, entry) in &entries {
            self.journal.take_in(entry);
            if let Some(slot) = self.queues.get_mut(target) {
                slot.queue.reserve(entry.bytes());
            }
        }
        self.journal
            .batch
            .arrivals
            .push(Arrival { entries, confirm });
    }

    pub(super) fn enqueue(&mut self, entries: Vec<(Arc<str>, Entry)>, now: Instant) {
        for (target, entry) in entries {
            let slot = self.queues.get_mut(&target);
            let Some(slot) = slot.filter(|s| s.queue.number == entry.home) else {
                // Deleted meanwhile.
                self.journal.gone(&entry);
                continue;
            };
            let dropped = slot.queue.push(entry);
            self.dirty.insert(Arc::clone(&target));
            for entry in dropped {
                self.dead_letter(&target, entry, DeathReason::MaxLength, now);
            }
        }
    }

    /// Moves a dead message along its route. At-least-once keeps what its target does not
    /// take; at-most-once loses it.
    pub(super) fn dead_letter(
        &mut self,
        from: &Arc<str>,
        entry: Entry,
        reason: DeathReason,
        now: Instant,
    ) {
        let Some(slot) = self.queues.get(from) else {
            return;
        };
        let Some((exchange, key)) = slot.queue.spec.dead_letter_route() else {
            self.journal.gone(&entry);
            return;
        };
        let at_least_once = slot.queue.spec.at_least_once;
        let (mut message, deaths) = entry.died(from, reason);
        message.exchange = exchange;
        if let Some(key) = key {
            message.routing_key = key;
            message.properties.headers.remove("CC");
        }
        let mut targets = self.existing(&message).unwrap_or_default();
        let taken = !targets.is_empty() && targets.iter().all(|t| self.accepts(t, &message));
        // RabbitMQ ends a cycle of automatic dead-lettering by dropping the message.
        targets.retain(|t| deaths.iter().all(|d| d.queue != *t));
        if taken || !at_least_once {
            self.move_to(&targets, &Arc::new(message), &deaths, now);
        }
        let repeated = taken && at_least_once && self.faults.strikes(Fault::DeadLetterDuplicated);
        if at_least_once
            && (!taken || repeated)
            && let Some(slot) = self.queues.get_mut(from)
        {
            slot.queue.keep_stuck(entry, reason, now);
        } else {
            self.journal.gone(&entry);
        }
    }

    /// Written together with the removal at the source.
    fn move_to(
        &mut self,
        targets: &[Arc<str>],
        message: &Arc<Message>,
        deaths: &[Death],
        now: Instant,
    ) {
        let mut entries = Vec::with_capacity(targets.len());
        for target in targets {
            if let Some(entry) = self.entry(target, message, deaths, now) {
                entries.push((Arc::clone(target), entry));
            }
        }
        if self.journal.is_durable() {
            self.hold(entries, None);
        } else {
            self.enqueue(entries, now);
        }
    }

    /// Keeps the last ones, for tests to look at.
    pub(super) fn note_protocol_error(&mut self, error: &str) {
        if self.protocol_errors.len() >= PROTOCOL_ERRORS {
            self.protocol_errors.pop_front();
        }
        self.protocol_errors.push_back(error.to_owned());
    }

    /// Brings every touched queue to rest: expiry, dead letters, deliveries.
    pub(super) fn run(&mut self, now: Instant) {
        while let Some(name) = self.dirty.pop_first() {
            let Some(slot) = self.queues.get_mut(&name) else {
                continue;
            };
            let expired = slot.queue.expire(now);
            let stuck = slot.queue.retry_stuck(now);
            for entry in expired {
                self.dead_letter(&name, entry, DeathReason::Expired, now);
            }
            for dead in stuck {
                self.dead_letter(&name, dead.entry, dead.reason, now);
            }
            self.deliver(&name, now);
        }
    }

    /// Does what has become due by `now`.
    pub(super) fn tick(&mut self, now: Instant) {
        self.reconnect(now);
        for channel in self.channels.values_mut() {
            channel.flush(now, self.journal.written());
        }
        self.time_out(now);
        let due = self
            .queues
            .values()
            .filter(|s| s.queue.next_due().is_some_and(|at| at <= now))
            .map(|s| Arc::clone(&s.queue.spec.name));
        self.dirty.extend(due);
        self.run(now);
    }

    /// When [`tick`](Self::tick) has something to do next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let queues = self.queues.values().filter_map(|s| s.queue.next_due());
        let channels = self
            .channels
            .values()
            .filter_map(|c| c.next_due(self.consumer_timeout, self.journal.written()));
        let connections = self.connections.values().filter_map(|c| c.up_at);
        queues.chain(channels).chain(connections).min()
    }
}
