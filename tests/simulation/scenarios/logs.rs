//! What the log says: every record that is promised, and no more lines than somebody reads.

use std::sync::Arc;

use fanout::broker::local::{Fault, FaultPlan, LocalBroker};
use fanout::broker::{
    Broker, BrokerError, BrokerStatus, Message, PublishError, QueueDepth, Subscription,
};
use fanout::codec::Codec;
use fanout::config::{Config, FollowUpRoute};
use fanout::engine::{Engine, EngineConfig, Shutdown};
use fanout::operate::queues::{self, Pause};
use fanout::worker::Worker;
use fanout_contract::{Batch, Failure, Outcomes, Processor};
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use tokio::sync::watch;

use super::*;
use crate::lines::Lines;

/// Lines of an hour: two a minute, the first, and the end.
const TOLD_IN_AN_HOUR: usize = 122;

fn restless(lanes: usize) -> World {
    let mut config = config();
    config.worker.lanes = lanes;
    config.breaker.open_for = Duration::from_secs(1);
    config.flood_guard.enabled = false;
    World::new(config, 1)
}

/// What was told is on the page, and quotes no payload.
fn as_promised(lines: &Lines) {
    lines.as_promised();
    for line in lines.all() {
        // Tokens of payloads stand in angle brackets.
        let text = format!("{:?}", line.fields);
        assert!(!text.contains('<') && !text.contains("token"), "{line:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_the_destination_is_told_at_once_twice_a_minute_and_when_it_is_over() {
    let mut world = restless(4);
    let process = world.start();
    world.publish_all((0..10).map(|_| Deed::Apply));
    assert!(world.quiet(MINUTE).await);
    let (lines, _guard) = Lines::capture();
    world.store.outage(Outage::Refuses, HOUR);
    let begin = tokio::time::Instant::now();
    for number in 10..500 {
        world.publish(Spec::new(number, Deed::Apply));
    }
    tokio::time::sleep(HOUR).await;
    comes_to_rest(&world, process).await;
    let away = lines.of("destination is not available");
    assert!(
        away.len() > 100 && away.len() < TOLD_IN_AN_HOUR,
        "{}",
        away.len()
    );
    assert!(away[0].at - begin < Duration::from_secs(1), "{:?}", away[0]);
    let untold: f64 = away.iter().map(|line| line.number("suppressed")).sum();
    assert!(untold > 3_000.0, "a probe a second: {untold}");
    let back = lines.of("destination is available again");
    assert_eq!(back.len(), 1, "{back:?}");
    assert!(
        (back[0].number("seconds") - 3_600.0).abs() < 10.0,
        "{back:?}"
    );
    assert_eq!(lines.of("breaker opens").len(), 1);
    assert_eq!(lines.of("breaker closes").len(), 1);
    assert!(
        lines.all().len() < TOLD_IN_AN_HOUR + 10,
        "{}",
        lines.all().len()
    );
    as_promised(&lines);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_takes_nothing_for_an_hour_is_told_as_seldom_by_hundreds_of_events() {
    let mut world = restless(2);
    let (lines, _guard) = Lines::capture();
    let refused = FaultPlan::seeded(1).rate(Fault::PublishRefused, 1.0);
    world.publish_all((0..300).map(|_| Deed::Permanent));
    world.server.set_faults(refused);
    let process = world.start();
    tokio::time::sleep(HOUR).await;
    world.server.set_faults(FaultPlan::seeded(1));
    comes_to_rest(&world, process).await;
    let refused = lines.of("the broker does not take a message; nothing");
    assert!(refused.len() < TOLD_IN_AN_HOUR, "{}", refused.len());
    assert_eq!(refused[0].fields["to"], DEAD);
    let again = lines.of("the broker takes what settles events again");
    assert_eq!(again.len(), 1);
    assert!(again[0].number("seconds") > 3_590.0, "{again:?}");
    let dead = lines.of("event dead-lettered");
    assert_eq!(dead.len(), 1, "one line for all of a kind: {dead:?}");
    as_promised(&lines);
}

/// Dead letters of the flood guard.
async fn a_flood(world: &mut World) {
    for number in 1_000..4_000 {
        world.publish(Spec::new(number, Deed::Permanent));
    }
    let process = world.start();
    tokio::time::sleep(HOUR).await;
    process.kill();
}

/// A broker that does not let its user look at queues.
struct Mute(LocalBroker);

impl Broker for Mute {
    fn consume<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        self.0.consume(queue, prefetch)
    }

    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        self.0.publish(message)
    }

    fn depth<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<QueueDepth>, BrokerError>> {
        ready(Err(BrokerError::AccessRefused("no".to_owned()))).boxed()
    }

    fn status(&self) -> watch::Receiver<BrokerStatus> {
        self.0.status()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.0.close()
    }
}

/// A worker of such a broker, for a minute.
async fn nobody_may_look(world: &World) {
    let config = EngineConfig::from_config(&world.config, "sim").unwrap();
    let broker = Arc::new(Mute(world.server.connect()));
    let codec = Arc::new(Codec::new(world.config.codec.clone()));
    let engine = Engine::new(config, broker, Arc::new(Takes), codec);
    let running = engine.run(Shutdown::new());
    let _ = tokio::time::timeout(MINUTE, running).await;
}

/// A world in which everything happens that the engine tells of.
fn eventful() -> World {
    let mut config = config();
    let queue = config.queues.get_mut("sim").unwrap();
    queue.retry_delays = seconds(&[1]);
    queue.suspect_after = 1;
    let nowhere = FollowUpRoute {
        exchange: "nowhere".to_owned(),
        routing_key: None,
    };
    config
        .follow_ups
        .insert("sim.follow-up".to_owned(), nowhere);
    World::new(config, 1)
}

#[tokio::test(start_paused = true)]
async fn every_record_of_the_engine_is_told_as_it_is_promised() {
    let (lines, _guard) = Lines::capture();
    let mut world = eventful();
    let operator = world.server.connect();
    let pause = Pause::now("night@desk", None);
    queues::pause(&operator, QUEUE, &pause).await.unwrap();
    world.publish_all([
        Deed::Transient { times: 1 },
        Deed::Permanent,
        Deed::FollowUps { count: 1 },
    ]);
    let process = world.start();
    promptly(|| !lines.of("the queue is paused").is_empty()).await;
    queues::resume(&operator, QUEUE).await.unwrap();
    assert!(world.quiet(MINUTE).await);
    // Handed out once and lost: suspects.
    world.store.outage(Outage::Stalls, MINUTE);
    world.publish(Spec::new(10, Deed::Apply));
    let held = || world.server.inspect(QUEUE).unwrap().unacknowledged.len();
    promptly(|| held() == 1).await;
    process.kill();
    let process = world.start();
    assert!(world.quiet(HOUR).await);
    world.store.outage(Outage::Refuses, MINUTE);
    world.publish(Spec::new(11, Deed::Apply));
    assert!(world.quiet(HOUR).await);
    let plan = FaultPlan::seeded(1)
        .nth(Fault::ConsumerCancelled, 1)
        .nth(Fault::PublishRefused, 1);
    world.server.set_faults(plan);
    world.publish(Spec::new(12, Deed::Permanent));
    assert!(world.quiet(HOUR).await);
    process.drain().await.unwrap().unwrap();
    a_flood(&mut world).await;
    nobody_may_look(&world).await;
    lines.told_every("fanout::engine");
    for line in lines.of("event ") {
        assert_eq!(line.fields["queue"], QUEUE);
        assert!(line.fields["event"].starts_with("event-"), "{line:?}");
    }
    as_promised(&lines);
}

struct Takes;

impl Processor for Takes {
    fn name(&self) -> &str {
        "takes"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            let mut outcomes = Outcomes::unsettled(batch);
            batch.iter().for_each(|(slot, _)| outcomes.applied(slot));
            Ok(outcomes)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_worker_is_told_from_start_to_end() {
    let (lines, _guard) = Lines::capture();
    let mut config = Config::default();
    config.http.addr = ([127, 0, 0, 1], 0).into();
    let topology = fanout::topology::Topology::from_config(&config);
    let broker = Arc::new(LocalBroker::start(topology));
    let worker = Worker::new("test-worker").processor("neo4j", |_| Ok(Arc::new(Takes)));
    let shutdown = Shutdown::new();
    let running = worker.run_on(broker, &config, "neo4j", shutdown.clone());
    let (ended, ()) = tokio::join!(running, async {
        promptly(|| !lines.of("worker is ready").is_empty()).await;
        shutdown.drain();
    });
    ended.unwrap();
    lines.told_every("fanout::worker");
    for line in lines
        .all()
        .iter()
        .filter(|line| line.target == "fanout::worker")
    {
        assert_eq!(line.fields["queue"], "events.neo4j", "{line:?}");
    }
    as_promised(&lines);
}
