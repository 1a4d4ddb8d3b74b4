//! All state of a local broker: queues, channels, connections, and what moves between queues.
//!
//! Everything here is synchronous and is told the time; the lock around it is never held
//! across an await. Every entry point ends in [`State::run`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::delivery::Consumer;
use super::entry::{Death, DeathReason, Entry};
use super::exchange::{Exchanges, routing_keys};
use super::faults::{Fault, FaultPlan, Faults};
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

#[derive(Debug)]
pub(super) struct State {
    topology: Topology,
    exchanges: Exchanges,
    pub(super) queues: BTreeMap<Arc<str>, Slot>,
    pub(super) channels: BTreeMap<u64, Consumer>,
    pub(super) connections: BTreeMap<u64, Connection>,
    /// Queues something has happened to since the last [`run`](Self::run).
    pub(super) dirty: BTreeSet<Arc<str>>,
    pub(super) faults: Faults,
    pub(super) consumer_timeout: Duration,
    /// What clients did that closed their channel.
    pub(super) protocol_errors: VecDeque<String>,
    last_id: u64,
}

impl State {
    pub(super) fn new(topology: Topology) -> Self {
        let mut state = Self {
            exchanges: Exchanges::from_topology(&topology),
            topology,
            queues: BTreeMap::new(),
            channels: BTreeMap::new(),
            connections: BTreeMap::new(),
            dirty: BTreeSet::new(),
            faults: Faults::new(FaultPlan::seeded(0)),
            consumer_timeout: CONSUMER_TIMEOUT,
            protocol_errors: VecDeque::new(),
            last_id: 0,
        };
        state.declare();
        state
    }

    /// Creates the queues of the topology that are not there (any more).
    pub(super) fn declare(&mut self) {
        for queue in &self.topology.queues {
            let spec = Spec::new(queue);
            self.queues
                .entry(Arc::clone(&spec.name))
                .or_insert_with(|| Slot {
                    queue: Queue::new(spec),
                    consumers: VecDeque::new(),
                });
        }
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Publishes to every queue the message is routed to. One that refuses makes the whole
    /// publish refused, though others have taken it.
    pub(super) fn publish(&mut self, message: &Message, now: Instant) -> Result<(), PublishError> {
        let targets = self
            .existing(message)
            .ok_or_else(|| PublishError::NoExchange(message.exchange.clone()))?;
        if targets.is_empty() {
            return Err(PublishError::Unroutable {
                exchange: message.exchange.clone(),
                routing_key: message.routing_key.clone(),
            });
        }
        let mut message = message.clone();
        message.properties.headers.remove("BCC");
        let mut refused = false;
        for target in targets {
            if self.accepts(&target, &message) {
                self.enqueue(&target, message.clone(), Vec::new(), now);
            } else {
                refused = true;
            }
        }
        self.run(now);
        if refused {
            return Err(PublishError::Refused);
        }
        Ok(())
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

    fn enqueue(&mut self, target: &Arc<str>, message: Message, deaths: Vec<Death>, now: Instant) {
        let id = self.next_id();
        let Some(slot) = self.queues.get_mut(target) else {
            return;
        };
        let expires_at = slot
            .queue
            .spec
            .expires_at(message.properties.expiration.as_deref(), now);
        let dropped = slot.queue.push(Entry {
            id,
            message,
            expires_at,
            returned: 0,
            deaths,
        });
        self.dirty.insert(Arc::clone(target));
        for entry in dropped {
            self.dead_letter(target, entry, DeathReason::MaxLength, now);
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
        let spec = &slot.queue.spec;
        let Some((exchange, key)) = spec.dead_letter_route() else {
            return;
        };
        let at_least_once = spec.at_least_once;
        let (mut message, deaths) = entry.died(from, reason);
        message.exchange = exchange;
        if let Some(key) = key {
            message.routing_key = key;
            message.properties.headers.remove("CC");
        }
        let mut targets = self.existing(&message).unwrap_or_default();
        let taken = !targets.is_empty() && targets.iter().all(|t| self.accepts(t, &message));
        // RabbitMQ ends a cycle of automatic dead-lettering by dropping the message.
        targets.retain(|t| self.accepts(t, &message) && deaths.iter().all(|d| d.queue != *t));
        if taken || !at_least_once {
            for target in targets {
                self.enqueue(&target, message.clone(), deaths.clone(), now);
            }
        }
        let repeated = taken && at_least_once && self.faults.strikes(Fault::DeadLetterDuplicated);
        if at_least_once
            && (!taken || repeated)
            && let Some(slot) = self.queues.get_mut(from)
        {
            slot.queue.keep_stuck(entry, reason, now);
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
            channel.flush(now);
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
            .filter_map(|c| c.next_due(self.consumer_timeout));
        let connections = self.connections.values().filter_map(|c| c.up_at);
        queues.chain(channels).chain(connections).min()
    }
}
