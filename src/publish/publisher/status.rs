//! Where a publisher stands: for health, metrics and whoever asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::gate::LinkState;
use crate::broker::{Message, PublishError};
use crate::config::ExchangeKind;
use crate::publish::intake::Backlog;
use crate::topology::Topology;

/// Where a publisher stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherStatus {
    /// Whether messages go to the broker.
    pub link: LinkState,
    /// Why not, for people.
    pub reason: Option<String>,
    /// What the broker has not taken, while [`LinkState::Refusing`].
    pub refusing: Option<Refusing>,
    /// Messages on their way, unconfirmed.
    pub in_flight: usize,
    /// Messages accepted that wait in the spool.
    pub backlog: Backlog,
    /// Messages set aside: the broker will not take them as they are.
    pub set_aside: u64,
    /// Why the disk does not take anything, while it does not.
    pub spool_trouble: Option<String>,
}

impl PublisherStatus {
    /// What is not as it should be beside the connection, each as `code: text`.
    pub fn issues(&self) -> Vec<String> {
        let mut issues = Vec::new();
        if let Some(refusing) = &self.refusing {
            issues.push(format!(
                "{}: exchange '{}' with key '{}', before {}, takes no messages: {}; tried again \
                 in {:.1} s",
                refusing.code,
                refusing.exchange,
                refusing.routing_key,
                refusing.queues.join(", "),
                refusing.error,
                refusing.retry_in.as_secs_f64()
            ));
        }
        if let Some(trouble) = &self.spool_trouble {
            issues.push(format!(
                "spool-storage: the spool cannot be used: {trouble}"
            ));
        }
        if self.set_aside > 0 {
            issues.push(format!(
                "spool-set-aside: {} events are kept that the broker will not take as they are",
                self.set_aside
            ));
        }
        issues
    }
}

/// A message the broker has not taken, and what it was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusing {
    /// Stable code of the refusal.
    pub code: &'static str,
    /// For people.
    pub error: String,
    /// The exchange it was published to.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// The queues behind it, as configured: one of them is full where the code is
    /// `publish-refused`.
    pub queues: Vec<String>,
    /// Refusals in a row, one per try.
    pub failures: u32,
    /// Time to the next try.
    pub retry_in: Duration,
}

/// What the core writes and the handle reads.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) link: LinkState,
    pub(super) reason: Option<Arc<str>>,
    pub(super) refusal: Option<Arc<Refusal>>,
    pub(super) failures: u32,
    pub(super) opens_at: Option<Instant>,
    pub(super) in_flight: usize,
    pub(super) backlog: Backlog,
    pub(super) set_aside: u64,
    pub(super) trouble: Option<String>,
}

#[derive(Debug)]
pub(super) struct Refusal {
    error: PublishError,
    exchange: String,
    routing_key: String,
    queues: Vec<String>,
}

impl Refusal {
    pub(super) fn new(message: &Message, error: PublishError, topology: &Topology) -> Self {
        Self {
            error,
            exchange: message.exchange.clone(),
            routing_key: message.routing_key.clone(),
            queues: behind(message, topology),
        }
    }

    /// Whether it says the same of this message.
    pub(super) fn is_of(&self, message: &Message, error: &PublishError) -> bool {
        self.exchange == message.exchange
            && self.routing_key == message.routing_key
            && self.error == *error
    }
}

/// Queues a message may go to: behind a topic exchange, all that are bound to it.
fn behind(message: &Message, topology: &Topology) -> Vec<String> {
    if message.exchange.is_empty() {
        return vec![message.routing_key.clone()];
    }
    let exchange = topology
        .exchanges
        .iter()
        .find(|e| e.name == message.exchange);
    let fanout = exchange.is_some_and(|e| e.kind == ExchangeKind::Fanout);
    let mut queues: Vec<_> = topology
        .bindings
        .iter()
        .filter(|b| b.exchange == message.exchange)
        .filter(|b| fanout || b.key.contains(['*', '#']) || b.key == message.routing_key)
        .map(|b| b.queue.clone())
        .collect();
    queues.dedup();
    queues
}

/// Shared between the core and its handles.
#[derive(Debug)]
pub(super) struct Board(Mutex<Snapshot>);

impl Board {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        Self(Mutex::new(snapshot))
    }

    pub(super) fn put(&self, snapshot: Snapshot) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    pub(super) fn backlog(&self) -> Backlog {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .backlog
    }

    pub(super) fn status(&self, now: Instant) -> PublisherStatus {
        let snapshot = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let refusing = snapshot
            .refusal
            .filter(|_| snapshot.link == LinkState::Refusing)
            .map(|refusal| Refusing {
                code: refusal.error.code(),
                error: refusal.error.to_string(),
                exchange: refusal.exchange.clone(),
                routing_key: refusal.routing_key.clone(),
                queues: refusal.queues.clone(),
                failures: snapshot.failures,
                retry_in: snapshot
                    .opens_at
                    .map_or(Duration::ZERO, |at| at.saturating_duration_since(now)),
            });
        PublisherStatus {
            link: snapshot.link,
            reason: snapshot.reason.map(|reason| reason.to_string()),
            refusing,
            in_flight: snapshot.in_flight,
            backlog: snapshot.backlog,
            set_aside: snapshot.set_aside,
            spool_trouble: snapshot.trouble,
        }
    }
}
