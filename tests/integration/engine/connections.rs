//! Consumers, channels and connections that are lost under a running engine.

use std::sync::Arc;
use std::time::Duration;

use fanout::broker::Broker;
use fanout::broker::amqp::AmqpBroker;
use fanout::topology::Topology;
use tokio::time::Instant;

use super::fake::Fake;
use super::rig::{Rig, Running};
use super::tap::Tap;
use super::{DLQ, QUEUE, SOON, event, events};
use crate::support::ledger::Ledger;
use crate::support::rabbitmq::RabbitMq;
use crate::support::{eventually, within};

/// Publishes one event and waits until it is applied.
async fn works(rig: &Rig, running: &Running, fake: &Fake, id: &str) {
    rig.publish([event(id, "view")]).await;
    let applied = || fake.applied().iter().any(|applied| applied == id);
    running.shows(id, |s| applied() && s.in_flight == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_queue_that_is_deleted_is_declared_again_and_consumed_by_all_lanes() {
    let rig = Rig::new("queue-deleted", |config| config.worker.lanes = 2).await;
    let fake = Fake::applies();
    let running = rig.start(fake.clone());
    works(&rig, &running, &fake, "before").await;
    rig.vhost.delete_queue(QUEUE).await;
    let both = async || {
        let depth = rig.broker.depth(QUEUE).await;
        depth.ok().flatten().filter(|depth| depth.consumers == 2)
    };
    eventually("both lanes consume", SOON, both).await;
    works(&rig, &running, &fake, "after").await;
    let to_all = super::message("events", "", "fanout", super::body("fanout", "view"));
    rig.publish([to_all]).await;
    running
        .shows("its binding is back", |_| fake.applied().len() == 3)
        .await;
    running.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_channel_closed_with_406_is_opened_again_and_nothing_is_lost() {
    let rig = Rig::new("channel-406", |config| config.worker.lanes = 2).await;
    let fake = Arc::new(Fake::new(|_| fanout_contract::Outcome::applied()).gated());
    let tap = Tap::open(rig.broker.clone());
    let running = rig.start_on(tap.clone(), "neo4j", fake.clone());
    rig.publish(events(500, "view")).await;
    running.shows("all held", |s| s.in_flight == 500).await;
    // An acknowledgement of a tag that is not outstanding: precondition failed, 406.
    for channel in tap.channels() {
        channel.ack(1_000_000, false).await.unwrap();
    }
    running.shows("opened again", |_| tap.opened() == 4).await;
    fake.let_pass(1_000_000);
    let mut ledger = Ledger::default();
    ledger.published((0..500).map(|id| id.to_string()));
    let complete = || ledger.compare(fake.applied()).missing.is_empty();
    running
        .shows("all applied", |s| complete() && s.in_flight == 0)
        .await;
    rig.ready_is(QUEUE, 0).await;
    running.drain().await;
    ledger.compare(fake.applied()).assert_complete();
    assert_eq!((rig.ready(QUEUE).await, rig.ready(DLQ).await), (0, 0));
    assert_eq!(tap.opened(), 4, "no other channel was lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_half_open_socket_is_noticed_within_two_heartbeats_of_ten_seconds() {
    let rabbit = RabbitMq::shared().await;
    let proxy = rabbit.proxy().await;
    let rig = Rig::on(rabbit, "half-open-engine", |_| {}).await;
    let config = rig.vhost.config_at(proxy.port());
    let two_heartbeats = 2 * config.heartbeat;
    assert_eq!(two_heartbeats, Duration::from_secs(20));
    let broker = Arc::new(AmqpBroker::start(
        config,
        Topology::from_config(&rig.config),
    ));
    within("connected", SOON, broker.connected()).await.unwrap();
    let fake = Fake::applies();
    let running = rig.start_on(broker, "neo4j", fake.clone());
    works(&rig, &running, &fake, "before").await;

    proxy.swallow().await;
    let start = Instant::now();
    running.shows("noticed", |s| !s.lanes[0].consuming).await;
    println!("noticed after {:?}", start.elapsed());
    assert!(start.elapsed() < two_heartbeats, "{:?}", start.elapsed());
    let lane = running.monitor.snapshot().lanes[0];
    assert!(
        lane.heartbeat_age < Duration::from_secs(5),
        "the lane itself is alive"
    );
    rig.publish(events(10, "view")).await;
    proxy.pass().await;
    works(&rig, &running, &fake, "after").await;
    running
        .shows("all applied", |_| fake.applied().len() == 12)
        .await;
    running.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_consumer_whose_caller_gave_up_while_it_was_opened_takes_nothing() {
    let rig = Rig::new("given-up", |_| {}).await;
    for micros in (0..200).map(|n| n * 100) {
        let opening = rig.broker.consume(QUEUE, 10);
        let _ = tokio::time::timeout(Duration::from_micros(micros), opening).await;
    }
    let none = async || {
        let depth = rig.broker.depth(QUEUE).await.ok().flatten();
        depth.filter(|depth| depth.consumers == 0)
    };
    eventually("no consumer is left", SOON, none).await;
}
