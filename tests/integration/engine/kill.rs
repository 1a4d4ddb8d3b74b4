//! A broker that is killed under a running engine.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fanout::broker::amqp::AmqpBroker;
use fanout::topology::Topology;
use fanout_contract::Outcome;
use tokio::time::Instant;

use super::fake::{Fake, transient};
use super::rig::Rig;
use super::{DLQ, QUEUE, SOON, event};
use crate::support::ledger::Ledger;
use crate::support::proxy::amqp_answers;
use crate::support::rabbitmq::RabbitMq;
use crate::support::{eventually, within};

const COUNT: usize = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn an_engine_consumes_within_two_seconds_of_the_killed_brokers_port_and_loses_nothing() {
    let rabbit = RabbitMq::own("").await;
    let proxy = rabbit.proxy().await;
    let mut rig = Rig::on(&rabbit, "kill-engine", |config| {
        config.worker.lanes = 3;
        config.queues.get_mut("neo4j").unwrap().batch.max_events = 50;
    })
    .await;
    rig.config.broker = rig.vhost.config_at(proxy.port());
    let topology = Topology::from_config(&rig.config);
    let broker = Arc::new(AmqpBroker::start(rig.config.broker.clone(), topology));
    within("connected", SOON, broker.connected()).await.unwrap();
    // Publishing for retries is interrupted as well as acknowledging.
    let kind = |n| if n % 50 == 0 { "flaky" } else { "view" };
    let mut ledger = Ledger::default();
    ledger.published((0..COUNT).map(|n| n.to_string()));
    rig.publish((0..COUNT).map(|n| event(&n.to_string(), kind(n))))
        .await;

    let fake = Arc::new(Fake::new(|event| match (event.kind(), event.attempt()) {
        ("flaky", 1) => transient(),
        _ => Outcome::applied(),
    }));
    let running = rig.start_on(broker.clone(), "neo4j", fake.clone());
    let amid = COUNT as u64 / 10;
    running.shows("amid", |s| s.counts.applied > amid).await;
    rabbit.kill().await;
    let before: BTreeSet<_> = fake.applied().into_iter().collect();
    println!("killed after {}", before.len());
    assert!(before.len() < COUNT, "killed too late to prove anything");
    running
        .shows("noticed", |s| s.lanes.iter().all(|lane| !lane.consuming))
        .await;

    let port = rabbit.restart().await;
    proxy.retarget(port);
    let lanes = || running.monitor.snapshot().lanes;
    let (consuming, opened) = tokio::join!(
        eventually("consuming", SOON * 2, async || {
            let any = lanes().iter().any(|lane| lane.consuming);
            any.then(Instant::now)
        }),
        eventually("the port opens", SOON, async || {
            amqp_answers(port).await.then(Instant::now)
        }),
    );
    let waited = consuming.saturating_duration_since(opened);
    println!("consuming {waited:?} after the port opened");
    assert!(waited < Duration::from_secs(2), "{waited:?}");

    let all = || fake.applied().into_iter().collect::<BTreeSet<_>>().len() == COUNT;
    running
        .shows("all applied", |s| s.in_flight == 0 && all())
        .await;
    running
        .shows("no problem", |s| s.publish_problem.is_none())
        .await;
    ledger.compare(fake.applied()).assert_complete();
    let empty = async || {
        let depths = [QUEUE, "events.neo4j.retry.200ms", DLQ].map(|queue| async {
            fanout::broker::Broker::depth(&*broker, queue)
                .await
                .ok()
                .flatten()
        });
        let depths = futures::future::join_all(depths).await;
        let empty = depths
            .iter()
            .all(|depth| depth.is_some_and(|d| d.ready == 0));
        empty.then_some(())
    };
    eventually("queues empty, the dead-letter queue too", SOON, empty).await;
    running.drain().await;
}
