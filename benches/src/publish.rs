//! Publishing through a fanout to two quorum queues: bare lapin with a window of confirms,
//! our publisher, and our spool once the broker is back.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fanout::broker::local::LocalBroker;
use fanout::broker::{Broker, Message};
use fanout::config::{
    Binding, BrokerConfig, Config, ExchangeConfig, ExchangeKind, QueueConfig, Secret, TopologyMode,
};
use fanout::publish::{LinkState, Publisher};
use fanout::topology::Topology;
use futures::StreamExt;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};

use crate::event::interactions;
use crate::raw_consume::purge;
use crate::report::Measured;

/// The exchange and its queues.
const EXCHANGE: &str = "bench.publish";
const QUEUES: [&str; 2] = ["bench.publish.a", "bench.publish.b"];
/// Unconfirmed messages at most, on both sides.
const WINDOW: usize = 500;
/// Folder of the spools.
pub const SPOOLS: &str = "target/bench-spools";
/// Between two looks at a spool that drains.
const LOOK: Duration = Duration::from_millis(1);

/// A fanout to two quorum queues.
pub fn config(url: &str) -> Config {
    let queue = |name: &str| QueueConfig {
        name: name.to_owned(),
        dead_letter: "bench.publish.dlq".to_owned(),
        bindings: vec![Binding {
            exchange: EXCHANGE.to_owned(),
            keys: vec!["#".to_owned()],
        }],
        ..QueueConfig::for_key(name)
    };
    Config {
        broker: BrokerConfig {
            urls: vec![Secret::new(url)],
            confirm_window: WINDOW,
            ..BrokerConfig::default()
        },
        exchanges: vec![ExchangeConfig {
            name: EXCHANGE.to_owned(),
            kind: ExchangeKind::Fanout,
        }],
        queues: QUEUES.map(|name| (name.to_owned(), queue(name))).into(),
        ..Config::default()
    }
}

fn messages(seed: u64, events: usize) -> Vec<Message> {
    interactions(seed, events)
        .map(|event| event.message(EXCHANGE))
        .collect()
}

/// Declares the queues and empties them.
pub async fn prepare(url: &str) -> Result<(), Box<dyn Error>> {
    let config = config(url);
    let topology = Topology::from_config(&config);
    let broker = fanout::broker::amqp::AmqpBroker::start(config.broker, topology);
    broker.connected().await?;
    broker.close().await;
    for queue in QUEUES {
        purge(url, queue).await?;
    }
    Ok(())
}

/// Bare lapin: one channel, mandatory, a window of confirms that slides.
pub async fn raw(url: &str, seed: u64, events: usize) -> Result<Measured, Box<dyn Error>> {
    prepare(url).await?;
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let messages = messages(seed, events);
    let options = BasicPublishOptions {
        mandatory: true,
        immediate: false,
    };
    let started = Instant::now();
    let mut confirms = futures::stream::FuturesUnordered::new();
    for message in messages {
        let properties = BasicProperties::default()
            .with_message_id(message.properties.message_id.unwrap_or_default().into())
            .with_type(message.properties.kind.unwrap_or_default().into())
            .with_content_type("application/json".into())
            .with_delivery_mode(2);
        let key = message.routing_key;
        let published = channel.basic_publish(
            EXCHANGE.into(),
            key.into(),
            options,
            &message.body,
            properties,
        );
        confirms.push(published.await?);
        if confirms.len() >= WINDOW
            && let Some(confirmed) = confirms.next().await
        {
            taken(&confirmed?)?;
        }
    }
    while let Some(confirmed) = confirms.next().await {
        taken(&confirmed?)?;
    }
    let measured = Measured::since(started, events);
    connection.close(0, "done".into()).await?;
    Ok(measured)
}

fn taken(confirmation: &lapin::Confirmation) -> Result<(), Box<dyn Error>> {
    match confirmation.is_nack() {
        true => Err("refused".into()),
        false => Ok(()),
    }
}

/// Our publisher, as a stream.
pub async fn ours(url: &str, seed: u64, events: usize) -> Result<Measured, Box<dyn Error>> {
    prepare(url).await?;
    let mut config = config(url);
    config.spool.dir = format!("{SPOOLS}/live-{seed}").into();
    let publisher = Publisher::start(&config).await?;
    while publisher.status().link != LinkState::Ready {
        tokio::time::sleep(LOOK).await;
    }
    let messages = messages(seed, events);
    let started = Instant::now();
    let mut answers = publisher.accept_stream(futures::stream::iter(messages));
    let mut confirmed = 0;
    while let Some(answer) = answers.next().await {
        answer?;
        confirmed += 1;
    }
    let measured = Measured::since(started, confirmed);
    drop(answers);
    publisher.shut_down(Duration::from_secs(10)).await;
    std::fs::remove_dir_all(&config.spool.dir)?;
    Ok(measured)
}

/// Our spool: filled while the broker is away, then drained; the drain is measured.
pub async fn drain(url: &str, seed: u64, events: usize) -> Result<Measured, Box<dyn Error>> {
    prepare(url).await?;
    let mut config = config(url);
    config.spool.dir = format!("{SPOOLS}/drain-{seed}").into();
    config.spool.max_messages = u64::try_from(events)?.max(1_000);
    config.spool.max_bytes = 4 << 30;
    let absent = LocalBroker::start(Topology::from_config(&config));
    absent.disconnect(Duration::from_secs(24 * 60 * 60));
    let publisher = Publisher::with_broker(Arc::new(absent), &config).await?;
    let stream = futures::stream::iter(messages(seed, events));
    let refused = publisher
        .accept_stream(stream)
        .filter(|answer| futures::future::ready(answer.is_err()))
        .count()
        .await;
    publisher.shut_down(Duration::from_secs(10)).await;
    if refused > 0 {
        return Err(format!("{refused} messages were not spooled").into());
    }
    config.broker.topology = TopologyMode::None;
    let publisher = Publisher::start(&config).await?;
    while publisher.status().link != LinkState::Ready {
        tokio::time::sleep(LOOK).await;
    }
    let started = Instant::now();
    while publisher.status().backlog.messages > 0 {
        tokio::time::sleep(LOOK).await;
    }
    let measured = Measured::since(started, events);
    publisher.shut_down(Duration::from_secs(10)).await;
    std::fs::remove_dir_all(&config.spool.dir)?;
    Ok(measured)
}
