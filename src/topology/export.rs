//! The topology as a RabbitMQ definitions document, for `rabbitmqctl import_definitions`.

use serde_json::{Map, Value, json};

use super::{Argument, Queue, Topology};

/// Exchanges, queues and bindings in this vhost, and the vhost itself. Importing it creates
/// what is missing and leaves everything else alone.
pub fn definitions(topology: &Topology, vhost: &str) -> Value {
    let exchanges: Vec<_> = topology
        .exchanges
        .iter()
        .map(|exchange| {
            json!({
                "name": exchange.name,
                "vhost": vhost,
                "type": exchange.kind.as_str(),
                "durable": true,
                "auto_delete": false,
                "internal": false,
                "arguments": {},
            })
        })
        .collect();
    let queues: Vec<_> = topology
        .queues
        .iter()
        .map(|queue| {
            json!({
                "name": queue.name,
                "vhost": vhost,
                "durable": true,
                "auto_delete": false,
                "arguments": arguments(queue),
            })
        })
        .collect();
    let bindings: Vec<_> = topology
        .bindings
        .iter()
        .map(|binding| {
            json!({
                "source": binding.exchange,
                "vhost": vhost,
                "destination": binding.queue,
                "destination_type": "queue",
                "routing_key": binding.key,
                "arguments": {},
            })
        })
        .collect();
    json!({
        "vhosts": [{ "name": vhost }],
        "exchanges": exchanges,
        "queues": queues,
        "bindings": bindings,
    })
}

fn arguments(queue: &Queue) -> Map<String, Value> {
    let value = |argument: &Argument| match argument {
        Argument::Text(text) => Value::from(text.as_str()),
        Argument::Int(number) => Value::from(*number),
    };
    let mut arguments: Map<_, _> = queue
        .arguments
        .iter()
        .map(|(name, argument)| ((*name).to_owned(), value(argument)))
        .collect();
    arguments.insert("x-queue-type".to_owned(), queue.queue_type.as_str().into());
    arguments
}
