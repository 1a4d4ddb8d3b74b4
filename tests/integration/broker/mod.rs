//! The AMQP broker against RabbitMQ.

mod basics;
mod conformance;
mod limits;
mod refusals;
mod resilience;
mod tls;
mod topology;

use std::time::Duration;

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, Delivery, Message, Properties, Subscription};
use fanout::config::{BrokerConfig, Config};
use fanout::topology::Topology;
use futures::StreamExt;

use crate::support::within;

/// Far above what anything here takes on a loaded machine.
const SOON: Duration = Duration::from_secs(60);

/// The default configuration's topology.
fn default_topology() -> Topology {
    Topology::from_config(&Config::default())
}

async fn connected(config: BrokerConfig, topology: Topology) -> AmqpBroker {
    let broker = AmqpBroker::start(config, topology);
    within("connected", SOON, broker.connected()).await.unwrap();
    broker
}

fn message(exchange: &str, key: &str, body: impl Into<String>) -> Message {
    Message {
        exchange: exchange.to_owned(),
        routing_key: key.to_owned(),
        properties: Properties {
            persistent: true,
            ..Properties::default()
        },
        body: body.into().into_bytes().into(),
    }
}

async fn next(subscription: &mut Subscription) -> Delivery {
    within("a delivery", SOON, subscription.deliveries.next())
        .await
        .expect("the stream goes on")
        .expect("no error")
}

/// Publishes `count` bodies `0`, `1`, … to a queue.
async fn fill(broker: &AmqpBroker, queue: &str, count: usize) {
    let publishes = (0..count).map(|n| broker.publish(message("", queue, n.to_string())));
    for result in futures::future::join_all(publishes).await {
        result.unwrap();
    }
}
