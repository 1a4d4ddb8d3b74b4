//! `run-worker` and the public builder against RabbitMQ and Neo4j.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, Message, Properties};
use fanout::config::Config;
use fanout::engine::Shutdown;
use fanout::topology::Topology;
use fanout::worker::Worker;
use fanout_contract::{Batch, Failure, Outcomes, Processor};
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::lines::Lines;
use crate::support::neo4j::{Neo4j, PASSWORD};
use crate::support::proxy::Proxy;
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{unique, within};
use crate::worker_program::{Program, Running, eventually};

const SOON: Duration = Duration::from_secs(60);

/// A worker's folder and environment; Neo4j on this port.
fn program(vhost: &Vhost, bolt: u16) -> Program {
    Program::new()
        .env("RABBITMQ_URL", vhost.url().expose())
        .env("NEO4J_URI", &format!("bolt://127.0.0.1:{bolt}"))
        .env("NEO4J_PASSWORD", PASSWORD)
}

/// Publishes events of a user nobody else has, who views 7 products in turn.
pub(crate) async fn publish(vhost: &Vhost, user: &str, events: usize) {
    let topology = Topology::from_config(&Config::default());
    let broker = AmqpBroker::start(vhost.config(), topology);
    within("connected", SOON, broker.connected()).await.unwrap();
    let messages = (0..events).map(|number| Message {
        exchange: "events".to_owned(),
        routing_key: String::new(),
        properties: Properties {
            persistent: true,
            ..Properties::default()
        },
        body: json!({
            "eventId": format!("{user}-{number}"),
            "version": "v1",
            "eventType": "product.viewed",
            "timestamp": "2026-01-01T00:00:00Z",
            "payload": { "userId": user, "productId": number % 7, "session": "s" },
        })
        .to_string()
        .into(),
    });
    // No more at once than the window of confirms: one that waits for its turn waits for its
    // deadline, too.
    let publications = messages.map(|message| broker.publish(message));
    let mut published = stream::iter(publications).buffer_unordered(200);
    while let Some(confirmed) = published.next().await {
        confirmed.unwrap();
    }
    drop(published);
    broker.close().await;
}

pub(crate) async fn views(neo4j: &Neo4j, user: &str) -> u64 {
    let statement = "MATCH (:User {id: $user})-[v:VIEWED]->(:Product) RETURN sum(v.count)";
    neo4j.number(statement, json!({ "user": user })).await
}

fn wait_until_ready(worker: &Running<'_>) {
    eventually("the worker is ready", || {
        (worker.get("/ready").0 == 200).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn three_lanes_project_a_backlog_into_neo4j_and_end_when_it_is_empty() {
    let (rabbitmq, neo4j) = tokio::join!(RabbitMq::shared(), Neo4j::shared());
    let vhost = rabbitmq.vhost("worker").await;
    let user = unique("backlog");
    publish(&vhost, &user, 2000).await;
    let program = program(&vhost, neo4j.bolt_port().await);
    let ended = program.run(&["--queue", "neo4j", "--workers", "3", "--until-empty"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stderr.contains("applied=2000 skipped=0"),
        "{}",
        ended.stderr
    );
    assert_eq!(views(neo4j, &user).await, 2000);
    // The other queue of the exchange has its own copy of each.
    let path = vhost.path("queues", "events.qdrant");
    crate::support::eventually("the statistics are up to date", SOON, async || {
        let queue = vhost.management().get(&path).await;
        (queue["messages"] == 2000).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_worker_that_is_asked_to_end_drains_and_loses_nothing() {
    let (rabbitmq, neo4j) = tokio::join!(RabbitMq::shared(), Neo4j::shared());
    let vhost = rabbitmq.vhost("drain").await;
    let user = unique("drain");
    let program = program(&vhost, neo4j.bolt_port().await);
    let worker = program.start(&["--queue", "neo4j", "--workers", "2"]);
    wait_until_ready(&worker);
    let (status, health) = worker.get("/health");
    assert_eq!(
        (status, &health["status"]),
        (200, &json!("healthy")),
        "{health}"
    );
    publish(&vhost, &user, 3000).await;
    eventually("some are applied", || {
        worker.get("/health").1["progress"]["applied"]
            .as_u64()
            .filter(|n| *n > 0)
    });
    worker.signal(Signal::SIGTERM);
    let ended = worker.ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let rest = program.run(&["--queue", "neo4j", "--until-empty"]);
    assert_eq!(rest.code, Some(0), "{rest:?}");
    assert_eq!(views(neo4j, &user).await, 3000);
}

/// Ready, then holding events that its destination does not answer.
async fn amid_a_call<'a>(program: &'a Program, vhost: &Vhost, proxy: &Proxy) -> Running<'a> {
    let worker = program.start(&["--queue", "neo4j"]);
    wait_until_ready(&worker);
    proxy.swallow().await;
    publish(vhost, &unique("held"), 10).await;
    eventually("events are held", || {
        let health = worker.get("/health").1;
        let held = &health["dependencies"]["rabbitmq"]["pending_events"];
        (*held == 10).then_some(())
    });
    worker
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_second_signal_ends_a_drain_at_once_with_130() {
    let (rabbitmq, neo4j) = tokio::join!(RabbitMq::shared(), Neo4j::shared());
    let vhost = rabbitmq.vhost("abort").await;
    let proxy = neo4j.proxy().await;
    let program = program(&vhost, proxy.port()).env("FANOUT_LOG_FORMAT", "json");
    let worker = amid_a_call(&program, &vhost, &proxy).await;
    worker.signal(Signal::SIGTERM);
    eventually("readiness drops", || {
        let (status, ready) = worker.get("/ready");
        (status == 503 && ready["draining"] == true).then_some(())
    });
    assert_eq!(worker.get("/live").0, 200);
    let again = Instant::now();
    worker.signal(Signal::SIGTERM);
    let ended = worker.ended();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    Lines::of_program(&ended.stderr).told("aborting");
    assert!(
        again.elapsed() < Duration::from_secs(3),
        "{:?}",
        again.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_drain_that_takes_too_long_ends_with_exit_6() {
    let (rabbitmq, neo4j) = tokio::join!(RabbitMq::shared(), Neo4j::shared());
    let vhost = rabbitmq.vhost("deadline").await;
    let proxy = neo4j.proxy().await;
    let program = program(&vhost, proxy.port()).file("[worker]\ndrain_deadline = \"500ms\"\n");
    let worker = amid_a_call(&program, &vhost, &proxy).await;
    worker.signal(Signal::SIGTERM);
    let ended = worker.ended();
    assert_eq!(ended.code, Some(6), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("drain deadline passed with 10 events unsettled"),
        "{}",
        ended.stderr
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_check_is_well_where_all_is_well_and_consumes_nothing() {
    let (rabbitmq, neo4j) = tokio::join!(RabbitMq::shared(), Neo4j::shared());
    let vhost = rabbitmq.vhost("check").await;
    publish(&vhost, &unique("check"), 5).await;
    let program = program(&vhost, neo4j.bolt_port().await);
    // A new server may take longer over its constraints than one call is given.
    let ended = eventually("the check is well", || {
        let ended = program.run(&["--queue", "events.neo4j", "--check"]);
        (ended.code == Some(0)).then_some(ended)
    });
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (Some(0), ""),
        "{ended:?}"
    );
    assert!(
        ended
            .stdout
            .contains("events.neo4j has 5 messages and 0 consumers"),
        "{ended:?}"
    );
    assert!(
        ended.stdout.contains("ok: destination neo4j is ready"),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn wrong_passwords_are_reported_together_and_end_a_start_with_exit_3() {
    let (rabbitmq, neo4j) = tokio::join!(RabbitMq::shared(), Neo4j::shared());
    let vhost = rabbitmq.vhost("passwords").await;
    let program = program(&vhost, neo4j.bolt_port().await)
        .env(
            "RABBITMQ_URL",
            &vhost.url().expose().replace("guest:guest", "guest:s3cret"),
        )
        .env("NEO4J_PASSWORD", "s3cret-too");
    let check = program.run(&["--queue", "neo4j", "--check"]);
    assert_eq!(check.code, Some(3), "{check:?}");
    for part in [
        "found 2 problems",
        "access refused",
        "RABBITMQ_URL",
        "neo4j-authentication",
    ] {
        assert!(check.stderr.contains(part), "{part}: {check:?}");
    }
    let start = program.run(&["--queue", "neo4j"]);
    assert_eq!(start.code, Some(3), "{start:?}");
    for ended in [check, start] {
        assert!(!format!("{ended:?}").contains("s3cret"), "{ended:?}");
    }
}

/// Counts events.
#[derive(Default)]
struct Null(AtomicU64);

impl Processor for Null {
    fn name(&self) -> &'static str {
        "null"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            let mut outcomes = Outcomes::unsettled(batch);
            for (slot, _) in batch.iter() {
                outcomes.applied(slot);
                self.0.fetch_add(1, Ordering::Relaxed);
            }
            Ok(outcomes)
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_processor_of_ones_own_runs_through_the_builder() {
    let vhost = RabbitMq::shared().await.vhost("builder").await;
    publish(&vhost, "anybody", 500).await;
    let mut config = Config {
        broker: vhost.config(),
        ..Config::default()
    };
    config.http.addr = ([127, 0, 0, 1], 0).into();
    config.worker.lanes = 2;
    let null = Arc::new(Null::default());
    let processor = null.clone();
    let worker = Worker::new("null-worker")
        .processor("neo4j", move |_| Ok(processor.clone()))
        .until_empty(SOON);
    let counts = within(
        "an end",
        SOON,
        worker.run(&config, "neo4j", Shutdown::new()),
    );
    assert_eq!(counts.await.unwrap().applied, 500);
    assert_eq!(null.0.load(Ordering::Relaxed), 500);
}
