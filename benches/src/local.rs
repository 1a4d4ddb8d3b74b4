//! The broker inside the process: publish → consume → acknowledge, in memory and on disk.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use fanout::broker::local::{LocalServer, LocalStore};
use fanout::broker::{Broker, Message};
use fanout::config::{Config, QueueType};
use fanout::topology::Topology;
use futures::StreamExt;

use crate::event::interactions;
use crate::ours;
use crate::report::Measured;

/// Connections that publish; each has its own window of unconfirmed messages.
const PUBLISHERS: usize = 4;
/// Unconfirmed messages of a connection, as many as its window takes.
const WINDOW: usize = 500;

/// Measures a broker in memory, or in a folder of its own below `dir` that is gone afterwards.
pub async fn run(
    dir: Option<&Path>,
    seed: u64,
    events: usize,
    sizes: (u16, usize),
) -> Result<Measured, Box<dyn Error>> {
    let config = ours::config("amqp://unused", 1, QueueType::Quorum);
    let topology = Topology::from_config(&config);
    let Some(dir) = dir else {
        return measure(LocalServer::start(topology), &config, seed, events, sizes).await;
    };
    let dir = dir.join(format!("fanout-bench-{}", std::process::id()));
    let server = LocalServer::open(&dir, topology, LocalStore::default()).await?;
    let measured = measure(server, &config, seed, events, sizes).await;
    std::fs::remove_dir_all(&dir)?;
    measured
}

async fn measure(
    server: LocalServer,
    config: &Config,
    seed: u64,
    events: usize,
    (prefetch, ack_every): (u16, usize),
) -> Result<Measured, Box<dyn Error>> {
    let exchange = config.exchanges.first().map_or("", |e| e.name.as_str());
    let queue = config.queues.values().next().ok_or("no queue")?;
    // Made before the clock starts: it is the broker that is measured.
    let messages: Vec<_> = interactions(seed, events)
        .map(|e| e.message(exchange))
        .collect();
    let started = Instant::now();
    let shares = messages.chunks(events.div_ceil(PUBLISHERS).max(1));
    let publishing: Vec<_> = shares
        .map(|share| tokio::spawn(publish(server.clone(), share.to_vec())))
        .collect();
    let consumer = server.connect();
    let mut subscription = consumer.consume(&queue.name, prefetch).await?;
    let mut seen = 0;
    while seen < events {
        let delivery = subscription
            .deliveries
            .next()
            .await
            .ok_or("consumer ended")??;
        seen += 1;
        if seen % ack_every == 0 || seen == events {
            subscription.channel.ack(delivery.tag, true).await?;
        }
    }
    for published in publishing {
        published.await?.map_err(|e| e.to_string())?;
    }
    // The acknowledgements count as done once they are on disk.
    server.flushed().await;
    let measured = Measured::since(started, seen);
    server.shut_down().await;
    Ok(measured)
}

async fn publish(
    server: LocalServer,
    messages: Vec<Message>,
) -> Result<(), fanout::broker::PublishError> {
    let broker = server.connect();
    let mut confirms = futures::stream::iter(messages)
        .map(|message| broker.publish(message))
        .buffer_unordered(WINDOW);
    while let Some(confirmed) = confirms.next().await {
        confirmed?;
    }
    Ok(())
}
