//! A retry queue that does not take what it is given.

use std::sync::Arc;
use std::time::Duration;

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, PublishError};
use fanout::config::Config;
use fanout::engine::{PublishProblem, Snapshot};
use fanout::topology::Topology;
use fanout_contract::{Event, Outcome};
use serde_json::json;

use super::fake::{Fake, transient};
use super::rig::{Rig, Running};
use super::{DLQ, QUEUE, SOON, body, event, events, message};
use crate::support::ledger::Ledger;
use crate::support::rabbitmq::RabbitMq;
use crate::support::{eventually, within};

/// Its time to live is long, so that what fills it stays; a policy shortens it in the end.
const RETRY: &str = "events.neo4j.retry.10m";
/// Events that fail at their first attempt.
const FAILING: usize = 20;
/// Events that do not fail.
const GOOD: usize = 500;

fn one_long_stage(config: &mut Config) {
    let queue = config.queues.get_mut("neo4j").unwrap();
    queue.retry_delays = vec![Duration::from_secs(600)];
}

fn verdict(event: &Event) -> Outcome {
    match (event.kind(), event.attempt()) {
        ("flaky", 1) => transient(),
        _ => Outcome::applied(),
    }
}

/// An operator's policy under which the retry queue takes nothing more.
async fn refuse(rig: &Rig) {
    let policy = json!({"max-length": 0, "overflow": "reject-publish"});
    rig.set_policy(RETRY, policy).await;
    let filler = || message("", RETRY, "filler", body("filler", "view"));
    let refused = async || {
        let result = rig.broker.publish(filler()).await;
        (result == Err(PublishError::Refused)).then_some(())
    };
    eventually("the queue refuses", SOON, refused).await;
}

/// Instead of the policy one with a short time to live; what filled the queue is removed.
async fn lift(rig: &Rig) {
    rig.set_policy(RETRY, json!({"message-ttl": 200})).await;
    rig.broker.purge(RETRY).await.unwrap();
}

/// Publishes events of both sorts, the failing ones first, and waits until only those are left.
async fn until_stuck(rig: &Rig, running: &Running, code: &str) -> Ledger {
    let mut ledger = Ledger::default();
    let failing = (0..FAILING).map(|n| event(&format!("flaky-{n}"), "flaky"));
    ledger.published((0..FAILING).map(|n| format!("flaky-{n}")));
    ledger.published((0..GOOD).map(|n| n.to_string()));
    rig.publish(failing.chain(events(GOOD, "view"))).await;
    let named = |problem: &PublishProblem| problem.target == RETRY && problem.code == code;
    let shows = |s: &Snapshot| {
        s.publish_problem.as_ref().is_some_and(named) && s.counts.applied == GOOD as u64
    };
    let stuck = running.shows("named, and the others pass", shows).await;
    assert_eq!((stuck.counts.retried, stuck.counts.dead_lettered), (0, 0));
    assert!(stuck.in_flight >= FAILING, "{stuck:?}");
    ledger
}

/// Waits until everything has been applied, and nothing is left anywhere.
async fn until_done(rig: &Rig, running: Running, fake: &Fake, ledger: &Ledger) {
    let all = || ledger.compare(fake.applied()).missing.is_empty();
    running
        .shows("all applied", |s| all() && s.in_flight == 0)
        .await;
    running
        .shows("no problem", |s| s.publish_problem.is_none())
        .await;
    for queue in [QUEUE, RETRY, DLQ] {
        rig.ready_is(queue, 0).await;
    }
    running.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_retry_queue_that_refuses_holds_its_events_and_no_others_until_the_policy_is_lifted() {
    let rig = Rig::new("refusing", one_long_stage).await;
    refuse(&rig).await;
    let fake = Arc::new(Fake::new(verdict));
    let running = rig.start(fake.clone());
    let ledger = until_stuck(&rig, &running, "publish-refused").await;
    lift(&rig).await;
    until_done(&rig, running, &fake, &ledger).await;
    ledger.compare(fake.applied()).assert_exact();
    assert_eq!(fake.seen("flaky-0").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_retry_queue_that_is_gone_loses_nothing_and_works_again_once_it_is_declared() {
    let rig = Rig::new("unroutable", one_long_stage).await;
    rig.set_policy(RETRY, json!({"message-ttl": 200})).await;
    rig.vhost.delete_queue(RETRY).await;
    let fake = Arc::new(Fake::new(verdict));
    let running = rig.start(fake.clone());
    let ledger = until_stuck(&rig, &running, "publish-unroutable").await;
    rig.broker.establish_topology().await.unwrap();
    until_done(&rig, running, &fake, &ledger).await;
    ledger.compare(fake.applied()).assert_exact();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_worker_that_dies_behind_a_refusing_retry_queue_has_acknowledged_all_but_what_was_stuck()
{
    let rig = Rig::new("refusing-crash", |config| {
        one_long_stage(config);
        config.worker.overtake_after = Duration::from_millis(100);
    })
    .await;
    refuse(&rig).await;
    let fake = Arc::new(Fake::new(verdict));
    let running = rig.start(fake.clone());
    let ledger = until_stuck(&rig, &running, "publish-refused").await;
    // The stuck ones came first: only single acknowledgements can overtake them.
    let path = rig.vhost.path("queues", QUEUE);
    let unacknowledged = async || {
        let queue = rig.vhost.management().get(&path).await;
        (queue["messages_unacknowledged"] == json!(FAILING)).then_some(())
    };
    eventually("the others are acknowledged", SOON, unacknowledged).await;
    running.crash().await;
    rig.ready_is(QUEUE, FAILING as u64).await;
    lift(&rig).await;
    let running = rig.start(fake.clone());
    until_done(&rig, running, &fake, &ledger).await;
    ledger.compare(fake.applied()).assert_exact();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_problem_is_no_longer_named_where_the_connection_was_lost_and_the_next_try_is_taken() {
    let rabbit = RabbitMq::shared().await;
    let proxy = rabbit.proxy().await;
    let rig = Rig::on(rabbit, "refusing-cut", one_long_stage).await;
    let config = rig.vhost.config_at(proxy.port());
    let through = AmqpBroker::start(config, Topology::from_config(&rig.config));
    within("connected", SOON, through.connected())
        .await
        .unwrap();
    refuse(&rig).await;
    let fake = Arc::new(Fake::new(verdict));
    let running = rig.start_on(Arc::new(through), "neo4j", fake.clone());
    let ledger = until_stuck(&rig, &running, "publish-refused").await;
    proxy.cut().await;
    lift(&rig).await;
    running.shows("lost", |s| !s.lanes[0].consuming).await;
    proxy.pass().await;
    until_done(&rig, running, &fake, &ledger).await;
    ledger.compare(fake.applied()).assert_complete();
}
