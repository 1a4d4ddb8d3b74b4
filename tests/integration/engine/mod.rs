//! The engine between a real RabbitMQ and processors made for the test.

mod configured;
mod connections;
mod fake;
mod flood;
mod follow_ups;
mod foreign;
mod kill;
mod malformed;
mod outage;
mod poison;
mod random;
mod refusing;
mod rig;
mod stages;
mod suspects;
mod tap;

use std::time::Duration;

use bytes::Bytes;
use fanout::broker::{Message, Properties};

/// Far above what anything here takes on a loaded machine.
const SOON: Duration = Duration::from_secs(60);

const QUEUE: &str = "events.neo4j";
const DLQ: &str = "events.dlq";

/// The body of an event.
fn body(id: &str, kind: &str) -> Bytes {
    format!(r#"{{"eventId":"{id}","version":"v1","eventType":"{kind}","payload":{{}}}}"#).into()
}

/// A message of the test for a queue or an exchange.
fn message(exchange: &str, key: &str, id: &str, body: Bytes) -> Message {
    let properties = Properties {
        message_id: Some(id.to_owned()),
        content_type: Some("application/json".to_owned()),
        persistent: true,
        ..Properties::default()
    };
    Message {
        exchange: exchange.to_owned(),
        routing_key: key.to_owned(),
        properties,
        body,
    }
}

/// An event on its way to the queue of the engine, and to no other.
fn event(id: &str, kind: &str) -> Message {
    message("", QUEUE, id, body(id, kind))
}

/// Events of one kind with the ids `0`, `1`, ….
fn events(count: usize, kind: &str) -> Vec<Message> {
    (0..count).map(|id| event(&id.to_string(), kind)).collect()
}
