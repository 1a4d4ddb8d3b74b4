//! A vhost with dead letters in it, and the program.

use std::sync::Arc;

use bytes::Bytes;
use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, Message};
use fanout::config::Config;
use fanout::recovery::{FailureNote, dead_letter};
use fanout::topology::Topology;
use fanout_contract::{EventId, ReasonCode};
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::Value;

use super::{DLQ, NEO4J, SOON};
use crate::program::Program;
use crate::support::queues;
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::within;

pub struct Rig {
    pub vhost: Vhost,
    pub broker: Arc<AmqpBroker>,
    pub program: Program,
}

impl Rig {
    pub async fn new(name: &str) -> Self {
        let vhost = RabbitMq::shared().await.vhost(name).await;
        let config = Config::default();
        let broker = AmqpBroker::start(vhost.config(), Topology::from_config(&config));
        within("connected", SOON, broker.connected()).await.unwrap();
        Self {
            program: Program::new().env("RABBITMQ_URL", vhost.url().expose()),
            broker: Arc::new(broker),
            vhost,
        }
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let all: Vec<_> = ["dlq"]
            .iter()
            .chain(args)
            .chain(&["--json"])
            .copied()
            .collect();
        self.program.run(&all).json()
    }

    /// Publishes so many dead letters of the Neo4j worker with the ids `0`, `1`, ….
    pub async fn dead(&self, count: usize) {
        let letters = (0..count).map(|id| dead(&id.to_string(), NEO4J, "neo4j-value"));
        self.publish(letters).await;
    }

    pub async fn publish(&self, letters: impl IntoIterator<Item = Message>) {
        queues::publish(&self.broker, letters).await;
    }

    /// Event ids in a queue, in order; it keeps them.
    pub async fn ids(&self, queue: &str) -> Vec<String> {
        let found = queues::look_into(&self.broker, queue).await;
        let id = |m: Message| m.properties.message_id.unwrap();
        found
            .into_iter()
            .map(|delivery| id(delivery.message))
            .collect()
    }

    pub async fn ready_is(&self, queue: &str, count: u64) {
        queues::ready_is(&self.broker, queue, count).await;
    }

    /// Takes so many messages out of a queue for ever.
    pub async fn take(&self, queue: &str, count: usize) -> Vec<Message> {
        let mut subscription = self.broker.consume(queue, 1000).await.unwrap();
        let mut taken = Vec::new();
        while taken.len() < count {
            let next = within("a message", SOON, subscription.deliveries.next()).await;
            let delivery = next.unwrap().unwrap();
            subscription.channel.ack(delivery.tag, false).await.unwrap();
            taken.push(delivery.message);
        }
        subscription.channel.close().await.unwrap();
        taken
    }

    pub fn audit(&self) -> Vec<Value> {
        let entries = self.json(&["audit", "--limit", "100"]);
        entries.as_array().unwrap().clone()
    }
}

/// A dead letter as a worker writes it.
pub fn dead(id: &str, queue: &str, reason: &'static str) -> Message {
    dead_with(id, queue, reason, body(id))
}

/// One of the Neo4j worker that died then.
pub fn dead_at(id: &str, at: Timestamp) -> Message {
    died(id, NEO4J, "neo4j-value", body(id), at)
}

pub fn dead_with(id: &str, queue: &str, reason: &'static str, body: Bytes) -> Message {
    died(id, queue, reason, body, Timestamp::now())
}

fn body(id: &str) -> Bytes {
    format!(r#"{{"event_id":"{id}","event_type":"view","user_id":"u{id}","product_id":1}}"#).into()
}

fn died(id: &str, queue: &str, reason: &'static str, body: Bytes, at: Timestamp) -> Message {
    let note = FailureNote {
        queue,
        attempt: 4,
        code: ReasonCode::new(reason),
        error: &format!("value {id} of \"user\" is wrong"),
        at,
    };
    let original = Message {
        exchange: "events".to_owned(),
        body,
        ..Message::default()
    };
    dead_letter(&original, Some(&EventId::new(id)), DLQ.to_owned(), &note)
}
