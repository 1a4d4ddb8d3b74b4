//! The broker on a disk that can be cut, filled and damaged.

mod disk;
mod restart;
mod storage;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use tokio::time::Instant;

use self::disk::Disk;
use crate::broker::local::open::{OpenError, checked};
use crate::broker::local::{LocalBroker, LocalServer};
use crate::broker::{Broker, Delivery, Message, PublishError, Subscription};
use crate::config::QueueType;
use crate::topology::{Argument, Queue, Role, Topology};

/// Bytes of messages the broker of most tests may hold.
const MEMORY: u64 = 64 << 20;
/// Far above what anything here takes on a loaded machine.
const SOON: Duration = Duration::from_secs(20);

fn text(text: &str) -> Argument {
    Argument::Text(text.to_owned())
}

fn queue(name: &str, role: Role, arguments: &[(&'static str, Argument)]) -> Queue {
    let limit = ("x-delivery-limit", Argument::Int(1_000_000));
    Queue {
        name: name.to_owned(),
        role,
        queue_type: QueueType::Quorum,
        arguments: arguments.iter().cloned().chain([limit]).collect(),
    }
}

fn retry(ttl: i64) -> Queue {
    let arguments = [
        ("x-message-ttl", Argument::Int(ttl)),
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text("main")),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ];
    queue("retry", Role::Retry, &arguments)
}

fn topology(queues: Vec<Queue>) -> Topology {
    Topology {
        queues,
        ..Topology::default()
    }
}

fn main_and_retry() -> Topology {
    topology(vec![queue("main", Role::Main, &[]), retry(300)])
}

fn try_open(disk: &Disk, topology: Topology, memory: u64) -> Result<LocalServer, OpenError> {
    let path = Path::new("disk");
    let found = checked(path, disk.opener())?;
    LocalServer::restored((path, Instant::now()), topology, memory, found, ())
}

fn open(disk: &Disk) -> LocalServer {
    try_open(disk, main_and_retry(), MEMORY).unwrap()
}

fn message(queue: &str, body: &str) -> Message {
    Message {
        routing_key: queue.to_owned(),
        body: body.to_owned().into(),
        ..Message::default()
    }
}

async fn publish(broker: &LocalBroker, queue: &str, bodies: &[&str]) {
    for body in bodies {
        broker.publish(message(queue, body)).await.unwrap();
    }
}

async fn take(subscription: &mut Subscription, count: usize) -> Vec<Delivery> {
    let taking = subscription.deliveries.by_ref().take(count);
    let taken = tokio::time::timeout(SOON, taking.collect::<Vec<_>>()).await;
    taken
        .expect("in time")
        .into_iter()
        .map(|d| d.unwrap())
        .collect()
}

fn body(message: &Message) -> String {
    String::from_utf8(message.body.to_vec()).unwrap()
}

/// Bodies and delivery counts.
fn counted(deliveries: &[Delivery]) -> Vec<(String, u64)> {
    let counted = |d: &Delivery| (body(&d.message), d.delivery_count.unwrap());
    deliveries.iter().map(counted).collect()
}

fn ready(server: &LocalServer, queue: &str) -> Vec<String> {
    server
        .inspect(queue)
        .unwrap()
        .ready
        .iter()
        .map(body)
        .collect()
}

/// Polls until it holds.
async fn eventually(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < SOON, "not in time");
        // sleep: between two looks; the deadline is above
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
