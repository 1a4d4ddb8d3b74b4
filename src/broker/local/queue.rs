//! Semantics of one queue, apart from who consumes it and where its messages are stored.
//!
//! Invariant: an entry is in exactly one of `returns`, `ready`, `held`, `stuck`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::entry::{DeathReason, Entry};
use super::ready::Ready;
use crate::config::QueueType;
use crate::topology::{self, Argument, Role};

/// How RabbitMQ's internal dead-letter consumer waits before it tries a refused one again.
const DEAD_LETTER_RETRY: Duration = Duration::from_secs(180);

/// What the queue's arguments say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) name: Arc<str>,
    /// New events come in here; everywhere else only what was taken once already.
    pub(super) main: bool,
    pub(super) quorum: bool,
    ttl: Option<Duration>,
    dead_letter_exchange: Option<String>,
    dead_letter_key: Option<String>,
    pub(super) at_least_once: bool,
    max_bytes: Option<u64>,
    reject_publish: bool,
    delivery_limit: Option<u64>,
}

impl Spec {
    pub(super) fn new(queue: &topology::Queue) -> Self {
        let text = |key| match queue.arguments.get(key) {
            Some(Argument::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let number = |key| match queue.arguments.get(key) {
            Some(Argument::Int(number)) => u64::try_from(*number).ok(),
            _ => None,
        };
        let quorum = queue.queue_type == QueueType::Quorum;
        let reject_publish = text("x-overflow").as_deref() == Some("reject-publish");
        let strategy = text("x-dead-letter-strategy");
        let dead_letter_exchange = text("x-dead-letter-exchange");
        Self {
            name: Arc::from(queue.name.as_str()),
            main: queue.role == Role::Main,
            quorum,
            ttl: number("x-message-ttl").map(Duration::from_millis),
            // All of these together, else the broker silently falls back to at-most-once.
            at_least_once: quorum
                && reject_publish
                && dead_letter_exchange.is_some()
                && strategy.as_deref() == Some("at-least-once"),
            dead_letter_exchange,
            dead_letter_key: text("x-dead-letter-routing-key"),
            max_bytes: number("x-max-length-bytes"),
            reject_publish,
            delivery_limit: number("x-delivery-limit"),
        }
    }

    /// Exchange a dead message of this queue goes to, and its key where it gets a new one.
    pub(super) fn dead_letter_route(&self) -> Option<(String, Option<String>)> {
        let exchange = self.dead_letter_exchange.clone()?;
        Some((exchange, self.dead_letter_key.clone()))
    }

    /// When a message put into this queue now expires.
    pub(super) fn expires_at(&self, expiration: Option<&str>, now: Instant) -> Option<Instant> {
        let own = expiration.and_then(|ms| ms.parse().ok().map(Duration::from_millis));
        let ttl = own.into_iter().chain(self.ttl).min()?;
        now.checked_add(ttl)
    }
}

/// A dead letter that its target did not take.
#[derive(Debug)]
pub(super) struct Stuck {
    pub(super) retry_at: Instant,
    pub(super) entry: Entry,
    pub(super) reason: DeathReason,
}

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) spec: Spec,
    /// Never that of another queue, also not of one deleted.
    pub(super) number: u32,
    /// Given back, in the order it came back; handed out before everything else.
    pub(super) returns: VecDeque<Entry>,
    pub(super) ready: Ready,
    /// Handed out and not settled, by entry id.
    pub(super) held: BTreeMap<u64, Entry>,
    pub(super) stuck: VecDeque<Stuck>,
    ready_bytes: u64,
    /// Taken, and in the journal only as yet.
    arriving_bytes: u64,
}

/// What became of something given back.
#[derive(Debug)]
pub(super) enum GivenBack {
    /// It is ready again; it has come back so often.
    Ready(u64),
    /// It has come back too often.
    TooOften(Entry),
    /// It was not handed out.
    Unknown,
}

impl Queue {
    pub(super) fn new(spec: Spec, number: u32) -> Self {
        Self {
            spec,
            number,
            returns: VecDeque::new(),
            ready: Ready::default(),
            held: BTreeMap::new(),
            stuck: VecDeque::new(),
            ready_bytes: 0,
            arriving_bytes: 0,
        }
    }

    /// Whether it is on the higher level here.
    pub(super) fn prefers(&self, entry: &Entry) -> bool {
        self.spec.quorum && entry.is_high()
    }

    /// Whether a message of this size would be taken.
    pub(super) fn accepts(&self, bytes: u64) -> bool {
        !self.spec.reject_publish
            || self
                .spec
                .max_bytes
                .is_none_or(|max| self.taken_bytes().saturating_add(bytes) <= max)
    }

    fn taken_bytes(&self) -> u64 {
        self.ready_bytes.saturating_add(self.arriving_bytes)
    }

    /// Keeps room for what is on its way into the queue.
    pub(super) fn reserve(&mut self, bytes: u64) {
        self.arriving_bytes = self.arriving_bytes.saturating_add(bytes);
    }

    /// It has arrived, or never will.
    pub(super) fn release(&mut self, bytes: u64) {
        self.arriving_bytes = self.arriving_bytes.saturating_sub(bytes);
    }

    /// Appends; answers what had to leave at the head under `drop-head`.
    pub(super) fn push(&mut self, entry: Entry) -> Vec<Entry> {
        self.ready_bytes = self.ready_bytes.saturating_add(entry.bytes());
        let high = self.prefers(&entry);
        self.ready.push(entry, high);
        let mut dropped = Vec::new();
        if let Some(max) = self.spec.max_bytes.filter(|_| !self.spec.reject_publish) {
            while self.ready_bytes > max {
                let Some(entry) = self.pop() else { break };
                dropped.push(entry);
            }
        }
        dropped
    }

    pub(super) fn ready_len(&self) -> usize {
        self.returns.len() + self.ready.len()
    }

    /// Everything in it, however held.
    pub(super) fn len(&self) -> usize {
        self.ready_len() + self.held.len() + self.stuck.len()
    }

    fn pop(&mut self) -> Option<Entry> {
        let entry = self.returns.pop_front().or_else(|| self.ready.pop())?;
        self.ready_bytes = self.ready_bytes.saturating_sub(entry.bytes());
        Some(entry)
    }

    fn head(&self) -> Option<&Entry> {
        self.returns.front().or_else(|| self.ready.front())
    }

    /// Hands out the head.
    pub(super) fn take(&mut self) -> Option<&Entry> {
        let entry = self.pop()?;
        let id = entry.id;
        self.held.insert(id, entry);
        self.held.get(&id)
    }

    /// The consumer is done with it.
    pub(super) fn settle(&mut self, id: u64) -> Option<Entry> {
        self.held.remove(&id)
    }

    /// Puts back what was handed out.
    pub(super) fn give_back(&mut self, id: u64) -> GivenBack {
        let Some(mut entry) = self.held.remove(&id) else {
            return GivenBack::Unknown;
        };
        entry.returned += 1;
        let returned = entry.returned;
        if self.limit().is_some_and(|limit| returned > limit) {
            return GivenBack::TooOften(entry);
        }
        let high = self.prefers(&entry);
        if self.spec.quorum && self.limit().is_none() {
            // Without a limit a quorum queue sends it to the back, to be able to truncate
            // its log under endless requeues.
            self.ready_bytes = self.ready_bytes.saturating_add(entry.bytes());
            self.ready.push(entry, high);
        } else {
            self.put_back(entry);
        }
        GivenBack::Ready(returned)
    }

    fn limit(&self) -> Option<u64> {
        self.spec.delivery_limit.filter(|_| self.spec.quorum)
    }

    /// Where what has been handed out once stands from then on.
    pub(super) fn put_back(&mut self, entry: Entry) {
        self.ready_bytes = self.ready_bytes.saturating_add(entry.bytes());
        if self.limit().is_some() {
            self.returns.push_back(entry);
        } else {
            let high = self.prefers(&entry);
            self.ready.restore(entry, high);
        }
    }

    /// Takes out what has expired at the head; what has expired behind it stays.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Entry> {
        let mut expired = Vec::new();
        while self
            .head()
            .is_some_and(|e| e.expires_at.is_some_and(|at| at <= now))
        {
            expired.extend(self.pop());
        }
        expired
    }

    /// Keeps a dead letter its target did not take, to be tried again.
    pub(super) fn keep_stuck(&mut self, entry: Entry, reason: DeathReason, now: Instant) {
        self.stuck.push_back(Stuck {
            retry_at: now + DEAD_LETTER_RETRY,
            entry,
            reason,
        });
    }

    /// Dead letters whose time to be tried again has come.
    pub(super) fn retry_stuck(&mut self, now: Instant) -> Vec<Stuck> {
        let due = self.stuck.iter().take_while(|s| s.retry_at <= now).count();
        self.stuck.drain(..due).collect()
    }

    /// When this queue has something to do on its own.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let expiry = self.head().and_then(|e| e.expires_at);
        let retry = self.stuck.front().map(|s| s.retry_at);
        expiry.into_iter().chain(retry).min()
    }

    /// What a policy does: refuses beyond this many bytes.
    pub(super) fn limit_bytes(&mut self, max: Option<u64>) {
        self.spec.max_bytes = max;
        self.spec.reject_publish = true;
    }

    /// Takes out everything ready.
    pub(super) fn purge(&mut self) -> Vec<Entry> {
        self.ready_bytes = 0;
        self.returns.drain(..).chain(self.ready.drain()).collect()
    }

    /// Everything in it, however held.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        let stuck = self.stuck.iter().map(|s| &s.entry);
        self.returns
            .iter()
            .chain(self.ready.iter())
            .chain(self.held.values())
            .chain(stuck)
    }
}
