//! The workbench on a long dead-letter queue: the first page, the groups, and a replay that is
//! killed three times and finished, with every id compared.
//!
//! The letters are published, and the replays run, in processes of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::num::NonZeroU32;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, Message};
use fanout::config::{Binding, BrokerConfig, Config, QueueConfig, Secret};
use fanout::operate::dlq::{Filter, Page, ReplayPlan, Workbench};
use fanout::recovery::{FailureNote, dead_letter};
use fanout::topology::Topology;
use fanout_contract::{EventId, ReasonCode};
use futures::StreamExt;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::event::interactions;
use crate::report::{Measured, percentiles};

const QUEUE: &str = "bench.dead";
const DLQ: &str = "bench.dead.dlq";
/// Every other letter is of this reason, and is what the replay replays.
const MENDED: &str = "bench-mended";
const LEFT: &str = "bench-left";
/// Replayed in a second.
const RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(1_999);
/// Kills of one replay; each comes after another part of it.
const KILLS: u64 = 3;
/// Published and unconfirmed, or unacknowledged when it is killed: the confirm window.
const WINDOW: usize = 500;
const FIRST_PAGE: Page = Page {
    offset: 0,
    limit: 20,
};
/// Between two looks at a depth.
const LOOK: Duration = Duration::from_millis(20);
/// What a queue has got is ready within this time.
const PATIENCE: Duration = Duration::from_secs(60);

fn config(url: &str) -> Config {
    let mut config = Config {
        broker: BrokerConfig {
            urls: vec![Secret::new(url)],
            ..BrokerConfig::default()
        },
        queues: BTreeMap::from([(
            "dead".to_owned(),
            QueueConfig {
                name: QUEUE.to_owned(),
                dead_letter: DLQ.to_owned(),
                bindings: Vec::<Binding>::new(),
                ..QueueConfig::for_key("dead")
            },
        )]),
        ..Config::default()
    };
    config.dlq.audit_file = "target/bench-audit.ndjson".into();
    config
}

async fn connect(url: &str) -> Result<Arc<AmqpBroker>, Box<dyn Error>> {
    let config = config(url);
    let topology = Topology::from_config(&config);
    let broker = AmqpBroker::start(config.broker, topology);
    broker.connected().await?;
    Ok(Arc::new(broker))
}

async fn workbench(url: &str) -> Result<Workbench, Box<dyn Error>> {
    Ok(Workbench::new(connect(url).await?, &config(url), "bench"))
}

/// A dead letter of about 1 KB with its headers, as a worker writes it.
fn letters(seed: u64, events: usize) -> impl Iterator<Item = Message> {
    interactions(seed, events).enumerate().map(|(n, event)| {
        let note = FailureNote {
            queue: QUEUE,
            attempt: 4,
            code: ReasonCode::new(if n % 2 == 0 { MENDED } else { LEFT }),
            error: &format!(
                "the product {} of user {} is unknown",
                event.product, event.user
            ),
            at: jiff::Timestamp::now(),
        };
        let id = EventId::new(event.id.as_str());
        dead_letter(&event.message("events"), Some(&id), DLQ.to_owned(), &note)
    })
}

/// Empties both queues and publishes the letters.
pub async fn fill(url: &str, seed: u64, events: usize) -> Result<Measured, Box<dyn Error>> {
    let broker = connect(url).await?;
    for queue in [QUEUE, DLQ] {
        broker.purge(queue).await?;
    }
    let started = Instant::now();
    let mut confirms = futures::stream::iter(letters(seed, events))
        .map(|letter| broker.publish(letter))
        .buffer_unordered(WINDOW);
    while let Some(confirmed) = confirms.next().await {
        confirmed?;
    }
    Ok(Measured::since(started, events))
}

fn child(task: &str, seed: u64, events: usize) -> Result<Child, Box<dyn Error>> {
    let numbers = [seed.to_string(), events.to_string()];
    let [seed, events] = &numbers;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["child", task, "--seed", seed, "--events", events])
        .stdout(Stdio::null())
        .kill_on_drop(true);
    Ok(command.spawn()?)
}

async fn filled(seed: u64, events: usize) -> Result<(), Box<dyn Error>> {
    let status = child("dead-fill", seed, events)?.wait().await?;
    match status.success() {
        true => Ok(()),
        false => Err("the letters were not published".into()),
    }
}

/// The first page; its time stands among the latencies.
pub async fn list(url: &str, seed: u64, events: usize) -> Result<Measured, Box<dyn Error>> {
    filled(seed, events).await?;
    let bench = workbench(url).await?;
    let started = Instant::now();
    let looked = bench.list(&Filter::default(), FIRST_PAGE, &mut ()).await?;
    let mut measured = Measured::since(started, events);
    measured.latency_ms = percentiles(vec![measured.seconds * 1_000.0]);
    let listed = looked.give_back().await?;
    match listed.letters.len() == FIRST_PAGE.limit {
        true => Ok(measured),
        false => Err(format!("{} letters on the first page", listed.letters.len()).into()),
    }
}

/// All of it by group.
pub async fn group(url: &str, seed: u64, events: usize) -> Result<Measured, Box<dyn Error>> {
    filled(seed, events).await?;
    let bench = workbench(url).await?;
    let started = Instant::now();
    let groups = bench.group(&Filter::default(), &mut ()).await?;
    let read = usize::try_from(groups.looked_at)?;
    match groups.groups.len() {
        2 => Ok(Measured::since(started, read)),
        other => Err(format!("{other} groups, not 2").into()),
    }
}

/// One run of the replay, to its end unless it is killed.
pub async fn leg(url: &str) -> Result<Measured, Box<dyn Error>> {
    let bench = workbench(url).await?;
    let plan = ReplayPlan {
        filter: Filter {
            reason: vec![MENDED.to_owned()],
            ..Filter::default()
        },
        rate: Some(RATE),
        ..ReplayPlan::default()
    };
    let started = Instant::now();
    let stop = CancellationToken::new();
    let report = bench.replay(&plan, &stop, &mut ()).await?;
    match report.stopped {
        None => Ok(Measured::since(started, usize::try_from(report.done)?)),
        Some(why) => Err(format!("{why:?}").into()),
    }
}

/// Half of the letters, at 2,000 a second, killed three times on the way. Fails where an id is
/// missing, or stands where it does not belong.
pub async fn replay(url: &str, seed: u64, events: usize) -> Result<Measured, Box<dyn Error>> {
    filled(seed, events).await?;
    let broker = connect(url).await?;
    let meant = u64::try_from(events.div_ceil(2))?;
    let started = Instant::now();
    for kill in 1..=KILLS {
        let mut leg = child("dead-leg", seed, events)?;
        until(&broker, QUEUE, meant * kill / (KILLS + 1)).await?;
        leg.kill().await?;
        // What the dead one held goes back.
        let back = u64::try_from(events)? - ready(&broker, QUEUE).await?;
        until(&broker, DLQ, back).await?;
    }
    let last = child("dead-leg", seed, events)?.wait().await?;
    if !last.success() {
        return Err("the last replay has failed".into());
    }
    let measured = Measured::since(started, events);
    let (replayed, left) = (ids(&broker, QUEUE).await?, ids(&broker, DLQ).await?);
    compare(seed, events, &replayed, &left)?;
    Ok(measured)
}

async fn ready(broker: &AmqpBroker, queue: &str) -> Result<u64, Box<dyn Error>> {
    let depth = broker.depth(queue).await?;
    Ok(depth.map_or(0, |depth| depth.ready))
}

async fn until(broker: &AmqpBroker, queue: &str, at_least: u64) -> Result<(), Box<dyn Error>> {
    let end = Instant::now() + PATIENCE;
    while ready(broker, queue).await? < at_least {
        if Instant::now() > end {
            return Err(format!("{queue} has not got {at_least}").into());
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Takes everything out of a queue.
async fn ids(broker: &AmqpBroker, queue: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let count = usize::try_from(ready(broker, queue).await?)?;
    let mut taking = broker.consume(queue, 2_000).await?;
    let mut ids = Vec::with_capacity(count);
    while ids.len() < count {
        let delivery = taking
            .deliveries
            .next()
            .await
            .ok_or("the queue has gone")??;
        taking.channel.ack(delivery.tag, false).await?;
        ids.extend(delivery.message.properties.message_id);
    }
    taking.channel.close().await?;
    Ok(ids)
}

fn compare(
    seed: u64,
    events: usize,
    replayed: &[String],
    left: &[String],
) -> Result<(), Box<dyn Error>> {
    let set = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>();
    let (mut meant, mut others) = (BTreeSet::new(), BTreeSet::new());
    for (n, event) in interactions(seed, events).enumerate() {
        let side = if n % 2 == 0 { &mut meant } else { &mut others };
        side.insert(event.id);
    }
    if set(replayed) != meant || set(left) != others || left.len() != others.len() {
        return Err("the ids are not those that were published".into());
    }
    let twice = replayed.len() - meant.len();
    eprintln!(
        "{} replayed, each id there; {twice} stand twice in the queue",
        meant.len()
    );
    match twice > WINDOW * usize::try_from(KILLS)? {
        true => Err("more stand twice than were on their way".into()),
        false => Ok(()),
    }
}
