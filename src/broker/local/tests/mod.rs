//! One test per point in which the local broker must behave as RabbitMQ does.

mod channels;
mod faults;
mod queues;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;

use super::{LocalBroker, LocalServer};
use crate::broker::{Broker, BrokerError, Delivery, Message, Subscription};
use crate::config::{ExchangeKind, QueueType};
use crate::topology::{Argument, BoundQueue, Exchange, Queue, Role, Topology};

fn text(text: &str) -> Argument {
    Argument::Text(text.to_owned())
}

fn queue(name: &str, arguments: &[(&'static str, Argument)]) -> Queue {
    Queue {
        name: name.to_owned(),
        role: Role::Main,
        queue_type: QueueType::Quorum,
        arguments: arguments.iter().cloned().collect::<BTreeMap<_, _>>(),
    }
}

/// A quorum queue as our topology makes them.
fn limited(name: &str) -> Queue {
    queue(name, &[("x-delivery-limit", Argument::Int(1_000_000))])
}

fn classic(name: &str) -> Queue {
    Queue {
        queue_type: QueueType::Classic,
        ..queue(name, &[])
    }
}

fn broker_with(queues: Vec<Queue>) -> LocalBroker {
    LocalBroker::start(Topology {
        queues,
        ..Topology::default()
    })
}

fn bound(kind: ExchangeKind, bindings: &[(&str, &str)]) -> LocalBroker {
    let exchange = |name: &str| name.to_owned();
    LocalBroker::start(Topology {
        exchanges: vec![Exchange {
            name: exchange("events"),
            kind,
        }],
        queues: vec![limited("a"), limited("b")],
        bindings: bindings
            .iter()
            .map(|(queue, key)| BoundQueue {
                exchange: exchange("events"),
                queue: (*queue).to_owned(),
                key: (*key).to_owned(),
            })
            .collect(),
    })
}

fn message(exchange: &str, key: &str, body: &str) -> Message {
    Message {
        exchange: exchange.to_owned(),
        routing_key: key.to_owned(),
        body: body.to_owned().into(),
        ..Message::default()
    }
}

async fn publish(broker: &LocalBroker, queue: &str, bodies: &[&str]) {
    for body in bodies {
        broker.publish(message("", queue, body)).await.unwrap();
    }
}

async fn next(subscription: &mut Subscription) -> Delivery {
    tokio::time::timeout(Duration::from_secs(600), subscription.deliveries.next())
        .await
        .expect("a delivery")
        .expect("the stream goes on")
        .expect("no error")
}

/// What has been handed out and not read yet.
async fn buffered(subscription: &mut Subscription) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while let Ok(Some(Ok(delivery))) =
        tokio::time::timeout(Duration::from_millis(1), subscription.deliveries.next()).await
    {
        deliveries.push(delivery);
    }
    deliveries
}

/// Reads to the end; answers the error, where there is one.
async fn end_of(subscription: &mut Subscription) -> Option<BrokerError> {
    let mut error = None;
    let drained = async {
        while let Some(next) = subscription.deliveries.next().await {
            error = next.err().or(error.take());
        }
    };
    tokio::time::timeout(Duration::from_secs(600), drained)
        .await
        .expect("the stream ends");
    error
}

fn bodies<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<String> {
    let text = |m: &Message| String::from_utf8(m.body.to_vec()).unwrap();
    messages.into_iter().map(text).collect()
}

fn delivered(deliveries: &[Delivery]) -> Vec<String> {
    bodies(deliveries.iter().map(|d| &d.message))
}

fn ready(server: &LocalServer, queue: &str) -> Vec<String> {
    bodies(&server.inspect(queue).unwrap().ready)
}
