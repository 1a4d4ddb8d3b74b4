//! What `--fix` does: only what is safe. Nothing here deletes a message.

use std::fmt;

use crate::broker::amqp::AmqpBroker;
use crate::broker::{Broker, BrokerError};
use crate::config::{BrokerConfig, Config, TopologyMode};
use crate::topology::{BoundQueue, Topology};

/// A step that mends a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Declares an exchange of the configuration.
    DeclareExchange(String),
    /// Declares a queue of the configuration.
    DeclareQueue(String),
    /// Binds a queue as configured.
    Bind(BoundQueue),
    /// Deletes an abandoned queue, if it is still empty and without consumers.
    DeleteEmptyQueue(String),
    /// Lets the processor of this name create what is missing at its destination.
    Prepare(String),
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeclareExchange(name) => write!(f, "declare the exchange {name}"),
            Self::DeclareQueue(name) => write!(f, "declare the queue {name}"),
            Self::Bind(bound) => write!(
                f,
                "bind {} to {} with '{}'",
                bound.queue, bound.exchange, bound.key
            ),
            Self::DeleteEmptyQueue(name) => write!(f, "delete the empty queue {name}"),
            Self::Prepare(name) => write!(f, "prepare the destination of {name}"),
        }
    }
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The step.
    pub fix: Fix,
    /// Why it was not done; `None` = done.
    pub left: Option<String>,
}

/// Takes the steps at the broker; those for a destination are left to the caller. What is
/// declared is only what is missing. Bounded by the deadlines of the broker's calls.
pub async fn mend(config: &Config, fixes: &[Fix]) -> Vec<Mended> {
    let mut mended = declare(config, fixes).await;
    let abandoned = fixes.iter().filter_map(|fix| match fix {
        Fix::DeleteEmptyQueue(name) => Some((fix, name)),
        _ => None,
    });
    let abandoned: Vec<_> = abandoned.collect();
    if abandoned.is_empty() {
        return mended;
    }
    let broker = start(config, Topology::default());
    let connected = broker.connected().await;
    for (fix, name) in abandoned {
        let left = match &connected {
            Ok(()) => delete(&broker, name).await,
            Err(error) => Some(error.to_string()),
        };
        let fix = fix.clone();
        mended.push(Mended { fix, left });
    }
    broker.close().await;
    mended
}

/// One declaration for all: the broker stops at the first refusal.
async fn declare(config: &Config, fixes: &[Fix]) -> Vec<Mended> {
    let missing = only(&Topology::from_config(config), fixes);
    if missing == Topology::default() {
        return Vec::new();
    }
    let broker = start(config, missing);
    let left = broker.connected().await.err().map(|e| e.to_string());
    broker.close().await;
    let declares = |fix: &&Fix| !matches!(fix, Fix::DeleteEmptyQueue(_) | Fix::Prepare(_));
    let done = fixes.iter().filter(declares).map(|fix| Mended {
        fix: fix.clone(),
        left: left.clone(),
    });
    done.collect()
}

/// Of a topology, only what these steps name.
fn only(topology: &Topology, fixes: &[Fix]) -> Topology {
    let mut missing = topology.clone();
    let has = |fix: Fix| fixes.contains(&fix);
    missing
        .exchanges
        .retain(|e| has(Fix::DeclareExchange(e.name.clone())));
    missing
        .queues
        .retain(|q| has(Fix::DeclareQueue(q.name.clone())));
    missing.bindings.retain(|b| has(Fix::Bind(b.clone())));
    missing
}

/// Quorum queues know no `if-empty`: the broker is asked right before. What could still come
/// in between is a worker of an older plan, and nothing is published there by any other.
async fn delete(broker: &AmqpBroker, name: &str) -> Option<String> {
    match broker.depth(name).await {
        Ok(Some(depth)) if depth.ready > 0 => Some(format!("it has {} messages", depth.ready)),
        Ok(Some(depth)) if depth.consumers > 0 => {
            Some(format!("it has {} consumers", depth.consumers))
        }
        Ok(Some(_)) => broker
            .delete_queue(name)
            .await
            .err()
            .map(|error: BrokerError| error.to_string()),
        Ok(None) => None,
        Err(error) => Some(error.to_string()),
    }
}

/// One round through the URLs: somebody waits.
fn start(config: &Config, topology: Topology) -> AmqpBroker {
    let mut settings = BrokerConfig {
        topology: TopologyMode::Declare,
        required: true,
        ..config.broker.clone()
    };
    settings.backoff.max_attempts = Some(1);
    AmqpBroker::start(settings, topology)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_declared() {
        let topology = Topology::from_config(&Config::default());
        let bound = topology.bindings[0].clone();
        let fixes = [
            Fix::DeclareQueue("events.dlq".to_owned()),
            Fix::Bind(bound.clone()),
            Fix::DeleteEmptyQueue("events.neo4j".to_owned()),
        ];
        let missing = only(&topology, &fixes);
        assert!(missing.exchanges.is_empty());
        assert_eq!(missing.queues.len(), 1);
        assert_eq!(missing.bindings, [bound]);
        assert_eq!(only(&topology, &[]), Topology::default());
    }

    #[test]
    fn a_step_says_what_it_does() {
        let fix = Fix::DeleteEmptyQueue("q.retry.1s".to_owned());
        assert_eq!(fix.to_string(), "delete the empty queue q.retry.1s");
    }
}
