//! Exchanges, queues and bindings as plain data, made from the configuration.
//!
//! Pure: nothing here talks to a broker. `broker::amqp` declares what stands here, the local
//! broker builds itself from it, `fanout topology` prints it.

mod export;
pub mod names;
pub mod pattern;
mod queues;
mod render;
#[cfg(test)]
mod tests;

pub use export::definitions;
pub use render::picture;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, ExchangeKind, QueueType};

/// Value of a queue argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Text.
    Text(String),
    /// Whole number.
    Int(i64),
}

/// An exchange; durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: ExchangeKind,
}

/// What a queue is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Consumed by a processor.
    Main,
    /// Holds failed events for one delay, then hands them back to the main queue.
    Retry,
    /// Holds events that may have crashed a worker.
    Suspect,
    /// Holds what is exhausted or hopeless.
    DeadLetter,
    /// Holds one message while the consumption of the main queue is paused.
    Pause,
}

impl Role {
    /// Stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Retry => "retry",
            Self::Suspect => "suspect",
            Self::DeadLetter => "dead-letter",
            Self::Pause => "pause",
        }
    }
}

/// A queue; durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Type at the broker.
    pub queue_type: QueueType,
    /// Arguments beside `x-queue-type`.
    pub arguments: BTreeMap<&'static str, Argument>,
}

/// A queue bound to an exchange.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BoundQueue {
    /// The exchange.
    pub exchange: String,
    /// The queue.
    pub queue: String,
    /// Routing key or pattern.
    pub key: String,
}

/// All that has to exist at the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// Exchanges.
    pub exchanges: Vec<Exchange>,
    /// Queues; each before those that dead-letter into it.
    pub queues: Vec<Queue>,
    /// Bindings.
    pub bindings: Vec<BoundQueue>,
}

impl Topology {
    /// What this configuration needs.
    pub fn from_config(config: &Config) -> Self {
        let exchanges = config
            .exchanges
            .iter()
            .map(|e| Exchange {
                name: e.name.clone(),
                kind: e.kind,
            })
            .collect();
        let dead_letters: BTreeSet<_> = config
            .queues
            .values()
            .map(|q| q.dead_letter.as_str())
            .collect();
        let ttl = config.dlq.message_ttl;
        let mut queues: Vec<_> = dead_letters
            .into_iter()
            .map(|name| queues::dead_letter(name, ttl))
            .collect();
        let mut bindings = BTreeSet::new();
        for queue in config.queues.values() {
            queues.push(queues::main(queue));
            queues.push(queues::suspect(queue));
            queues.extend(queues::retries(queue));
            queues.push(queues::pause(queue));
            for binding in &queue.bindings {
                for key in &binding.keys {
                    bindings.insert(BoundQueue {
                        exchange: binding.exchange.clone(),
                        queue: queue.name.clone(),
                        key: key.clone(),
                    });
                }
            }
        }
        Self {
            exchanges,
            queues,
            bindings: bindings.into_iter().collect(),
        }
    }

    /// The queue of this name, where it is one of ours.
    pub fn queue(&self, name: &str) -> Option<&Queue> {
        self.queues.iter().find(|q| q.name == name)
    }
}
