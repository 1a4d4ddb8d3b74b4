//! The broker asked over AMQP: reachable, queues there, made as configured.

use futures::future::join_all;

use super::{AmqpFacts, Reached};
use crate::broker::amqp::AmqpBroker;
use crate::broker::{Broker, BrokerError, ConnectionState};
use crate::config::{BrokerConfig, Config, Secret, TopologyMode, mask_url};
use crate::topology::Topology;

/// Tries every URL by itself, all at once. Each has `connect_timeout` to answer.
pub(super) async fn reach(config: &BrokerConfig) -> Vec<Reached> {
    join_all(config.urls.iter().map(async |url| Reached {
        url: mask_url(url.expose()),
        problem: try_one(config, url).await,
    }))
    .await
}

async fn try_one(config: &BrokerConfig, url: &Secret) -> Option<BrokerError> {
    let broker = start(config, url, Topology::default(), TopologyMode::None);
    let problem = connected(config, &broker).await.err();
    broker.close().await;
    problem
}

/// Depths of all queues of the topology; with `compare`, also what the broker has against
/// their arguments.
pub(super) async fn fetch(
    config: &Config,
    url: &Secret,
    topology: &Topology,
    compare: bool,
) -> AmqpFacts {
    let mut facts = AmqpFacts::default();
    let broker = start(&config.broker, url, Topology::default(), TopologyMode::None);
    if connected(&config.broker, &broker).await.is_ok() {
        for queue in &topology.queues {
            match broker.depth(&queue.name).await {
                Ok(depth) => facts.queues.insert(queue.name.clone(), depth),
                Err(error) => {
                    facts.refusals.push((queue.name.clone(), error));
                    None
                }
            };
        }
    }
    broker.close().await;
    if compare {
        facts.refusals = compare_all(&config.broker, url, existing(topology, &facts)).await;
    }
    facts
}

/// The queues that are there: declaring these again changes nothing. Exchanges and bindings
/// are left out, since AMQP cannot look whether they exist without making them.
fn existing(topology: &Topology, facts: &AmqpFacts) -> Topology {
    let there = |name: &str| matches!(facts.queues.get(name), Some(Some(_)));
    let mut existing = topology.clone();
    existing.exchanges.clear();
    existing.bindings.clear();
    existing.queues.retain(|queue| there(&queue.name));
    existing
}

/// Declares what exists again. The broker stops at each refusal, so what it refused is left
/// out of the next round.
async fn compare_all(
    config: &BrokerConfig,
    url: &Secret,
    mut topology: Topology,
) -> Vec<(String, BrokerError)> {
    let mut refusals = Vec::new();
    while !topology.queues.is_empty() {
        let broker = start(config, url, topology.clone(), TopologyMode::Declare);
        let answer = connected(config, &broker).await;
        broker.close().await;
        let Err(error) = answer else { break };
        let text = error.to_string();
        let refused = topology
            .queues
            .iter()
            .position(|queue| text.contains(&format!("'{}'", queue.name)));
        let Some(refused) = refused else { break };
        let queue = topology.queues.remove(refused);
        refusals.push((queue.name, error));
    }
    refusals
}

fn start(
    config: &BrokerConfig,
    url: &Secret,
    topology: Topology,
    mode: TopologyMode,
) -> AmqpBroker {
    let mut settings = BrokerConfig {
        urls: vec![url.clone()],
        required: true,
        topology: mode,
        ..config.clone()
    };
    settings.backoff.max_attempts = Some(1);
    AmqpBroker::start(settings, topology)
}

async fn connected(config: &BrokerConfig, broker: &AmqpBroker) -> Result<(), BrokerError> {
    // Two connections, the second one perhaps twice, and declarations.
    let patience = config.connect_timeout * 2 + config.call_timeout;
    let connected = tokio::time::timeout(patience, broker.connected()).await;
    let status = broker.status().borrow().clone();
    match connected {
        Ok(Ok(())) if status.state == ConnectionState::Connected => Ok(()),
        Ok(Err(BrokerError::AttemptsExhausted { last, .. })) => {
            Err(BrokerError::NotConnected(last))
        }
        Ok(Err(error)) => Err(error),
        Ok(Ok(())) | Err(_) => Err(BrokerError::TimedOut(patience)),
    }
}
