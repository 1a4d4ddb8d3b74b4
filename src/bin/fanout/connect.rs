//! The broker of a command: connected within a bounded time, or exit 4.

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, BrokerError, BrokerStatus, ConnectionState};
use fanout::config::{BrokerConfig, Config, TopologyMode};
use fanout::topology::Topology;
use std::time::Duration;

use crate::exit::{CommandError, Exit};

/// Several addresses that each swallow an attempt of 5 s; a person waits for the answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connects as configured, to publish.
pub(crate) async fn publisher(config: &Config) -> Result<AmqpBroker, CommandError> {
    with_topology(config, config.broker.topology).await
}

/// Connects to look, not to change anything.
pub(crate) async fn operator(config: &Config) -> Result<AmqpBroker, CommandError> {
    with_topology(config, TopologyMode::None).await
}

/// Connects and puts the topology in place, or verifies it.
pub(crate) async fn with_topology(
    config: &Config,
    mode: TopologyMode,
) -> Result<AmqpBroker, CommandError> {
    // A command asks here when to give up; the connection itself goes on trying, so that a
    // broker that is restarted in the middle of a run is found again.
    let settings = BrokerConfig {
        topology: mode,
        required: false,
        ..config.broker.clone()
    };
    let broker = AmqpBroker::start(settings, Topology::from_config(config));
    let mut status = broker.status();
    let settled = status.wait_for(|status| {
        matches!(
            status.state,
            ConnectionState::Connected | ConnectionState::Failed
        ) || status.fatal.is_some()
    });
    let last = match tokio::time::timeout(PATIENCE, settled).await {
        Ok(Ok(status)) => status.clone(),
        Ok(Err(_)) | Err(_) => broker.status().borrow().clone(),
    };
    if last.state == ConnectionState::Connected {
        return Ok(broker);
    }
    broker.close().await;
    Err(absent(&last))
}

fn absent(status: &BrokerStatus) -> CommandError {
    let reason = match (&status.fatal, &status.last_error) {
        (Some(fatal), _) => fatal.to_string(),
        (None, Some(error)) => error.clone(),
        (None, None) => "no answer".to_owned(),
    };
    let hint = match &status.fatal {
        Some(BrokerError::AccessRefused(_)) => {
            "check user, password and vhost in RABBITMQ_URL and the user's permissions"
        }
        Some(BrokerError::TopologyMismatch(_) | BrokerError::NotFound(_)) => {
            "compare with fanout topology print"
        }
        _ => "is RabbitMQ running there? RABBITMQ_URL says where to connect",
    };
    let message = format!("cannot use the broker at {}: {reason}", status.url);
    CommandError::new(Exit::StartUp, message).hint(hint)
}

/// What the broker answered while a command was running.
pub(crate) fn failed(error: BrokerError) -> CommandError {
    CommandError::new(Exit::RunTime, error)
}
