//! What the laws are tried on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fanout::broker::{Broker, BrokerError, Delivery, Message, Properties, Subscription};
use fanout::config::{ExchangeKind, QueueType};
use fanout::topology::{Argument, BoundQueue, Exchange, Queue, Role, Topology};
use futures::StreamExt;
use futures::future::BoxFuture;

use super::super::{eventually, within};

/// Far above what anything here takes on a loaded machine.
pub(super) const SOON: Duration = Duration::from_secs(20);
/// How long something that must not happen is waited for.
const NEVER: Duration = Duration::from_millis(400);
/// Time to live of what is in `wait`.
pub(super) const TTL: Duration = Duration::from_millis(300);

/// What somebody else does to the broker.
pub trait Operator: Send + Sync {
    /// Deletes a queue.
    fn delete_queue<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, ()>;
}

/// A broker with [`topology`] in place and nobody else on it.
pub struct Subject {
    /// Connected.
    pub broker: Arc<dyn Broker>,
    pub operator: Arc<dyn Operator>,
}

impl Subject {
    pub(super) async fn publish(&self, queue: &str, bodies: &[&str]) {
        for body in bodies {
            self.broker.publish(message("", queue, body)).await.unwrap();
        }
    }

    pub(super) async fn consume(&self, queue: &str, prefetch: u16) -> Subscription {
        within("a consumer", SOON, self.broker.consume(queue, prefetch))
            .await
            .unwrap()
    }

    /// Waits until so many are ready in the queue.
    pub(super) async fn ready(&self, queue: &str, count: u64) {
        let what = format!("{count} ready in '{queue}'");
        eventually(&what, SOON, async || {
            let depth = self.broker.depth(queue).await.unwrap()?;
            (depth.ready == count).then_some(())
        })
        .await;
    }

    /// Everything in a queue, taken out; it must be exactly so many.
    pub(super) async fn drain(&self, queue: &str, count: usize) -> Vec<Delivery> {
        let mut subscription = self.consume(queue, 100).await;
        let deliveries = take(&mut subscription, count).await;
        silence(&mut subscription).await;
        for delivery in &deliveries {
            subscription.channel.ack(delivery.tag, false).await.unwrap();
        }
        subscription.channel.close().await.unwrap();
        deliveries
    }
}

/// Exchanges `fan` and `topic`; queues as the laws need them.
pub fn topology() -> Topology {
    let text = |t: &str| Argument::Text(t.to_owned());
    let queue = |name: &str, arguments: &[(&'static str, Argument)]| Queue {
        name: name.to_owned(),
        role: Role::Main,
        queue_type: QueueType::Quorum,
        arguments: [("x-delivery-limit", Argument::Int(1_000_000))]
            .into_iter()
            .chain(arguments.iter().cloned())
            .collect(),
    };
    let dead_lettering = |to: &str| {
        [
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text(to)),
            ("x-dead-letter-strategy", text("at-least-once")),
            ("x-overflow", text("reject-publish")),
        ]
    };
    let ttl = Argument::Int(i64::try_from(TTL.as_millis()).unwrap());
    let mut wait = dead_lettering("main").to_vec();
    wait.push(("x-message-ttl", ttl));
    let small = [
        ("x-max-length-bytes", Argument::Int(1000)),
        ("x-overflow", text("reject-publish")),
    ];
    let exchange = |name: &str, kind| Exchange {
        name: name.to_owned(),
        kind,
    };
    let bound = |exchange: &str, queue: &str, key: &str| BoundQueue {
        exchange: exchange.to_owned(),
        queue: queue.to_owned(),
        key: key.to_owned(),
    };
    Topology {
        exchanges: vec![
            exchange("fan", ExchangeKind::Fanout),
            exchange("full", ExchangeKind::Fanout),
            exchange("topic", ExchangeKind::Topic),
        ],
        queues: vec![
            queue("main", &[]),
            queue("other", &[]),
            Queue {
                queue_type: QueueType::Classic,
                arguments: BTreeMap::new(),
                ..queue("classic", &[])
            },
            queue("small", &small),
            queue("wait", &wait),
            queue("held", &dead_lettering("other")),
        ],
        bindings: vec![
            bound("fan", "main", "#"),
            bound("fan", "other", "#"),
            bound("full", "main", "#"),
            bound("full", "small", "#"),
            bound("topic", "main", "*.created"),
            bound("topic", "other", "payment.*"),
            bound("topic", "other", "audit.#"),
        ],
    }
}

pub(super) fn message(exchange: &str, key: &str, body: &str) -> Message {
    Message {
        exchange: exchange.to_owned(),
        routing_key: key.to_owned(),
        properties: Properties {
            persistent: true,
            ..Properties::default()
        },
        body: body.to_owned().into_bytes().into(),
    }
}

pub(super) async fn next(subscription: &mut Subscription) -> Delivery {
    within("a delivery", SOON, subscription.deliveries.next())
        .await
        .expect("the stream goes on")
        .expect("no error")
}

pub(super) async fn take(subscription: &mut Subscription, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        deliveries.push(next(subscription).await);
    }
    deliveries
}

/// Nothing more comes.
pub(super) async fn silence(subscription: &mut Subscription) {
    let more = tokio::time::timeout(NEVER, subscription.deliveries.next()).await;
    assert!(more.is_err(), "nothing more should come: {more:?}");
}

/// Reads the stream to its end: the error it ended with, if any.
pub(super) async fn end(subscription: &mut Subscription) -> Option<BrokerError> {
    let mut error = None;
    let reading = async {
        while let Some(item) = subscription.deliveries.next().await {
            if let Err(e) = item {
                error = Some(e);
            }
        }
    };
    within("the end of the stream", SOON, reading).await;
    error
}

pub(super) fn bodies(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries
        .iter()
        .map(|d| std::str::from_utf8(&d.message.body).unwrap())
        .collect()
}
