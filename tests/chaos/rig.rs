//! Servers, a worker between them, and a broker connection of the test's own.

use std::time::Duration;

use bytes::Bytes;
use fanout::broker::amqp::AmqpBroker;
use fanout::config::{BrokerConfig, Config};
use fanout::topology::Topology;

use crate::shop::{QUEUE, Shop};
use crate::support::neo4j::{Neo4j, PASSWORD};
use crate::support::queues;
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{eventually, within};
use crate::worker_program::{Ended, Program, Running};

/// For whatever happens within a second on an idle machine.
pub const SOON: Duration = Duration::from_secs(60);
/// For the projection of everything a test has published.
pub const LONG: Duration = Duration::from_secs(300);

pub const DLQ: &str = "events.dlq";
const LEFT_EMPTY: [&str; 5] = [
    QUEUE,
    "events.neo4j.suspect",
    "events.neo4j.retry.5s",
    "events.neo4j.retry.30s",
    "events.neo4j.retry.5m",
];

pub struct Rig {
    pub vhost: Vhost,
    pub broker: AmqpBroker,
}

impl Rig {
    pub async fn new(name: &str) -> Self {
        Self::on(RabbitMq::shared().await, name).await
    }

    pub async fn on(rabbit: &RabbitMq, name: &str) -> Self {
        let vhost = rabbit.vhost(name).await;
        let broker = connect(vhost.config()).await;
        Self { vhost, broker }
    }

    /// A worker's folder and environment, with Neo4j on this port.
    pub fn program(&self, bolt: u16) -> Program {
        Program::new()
            .env("RABBITMQ_URL", self.vhost.url().expose())
            .env("NEO4J_URI", &format!("bolt://127.0.0.1:{bolt}"))
            .env("NEO4J_PASSWORD", PASSWORD)
    }

    /// Nothing waits anywhere, and nothing but the malformed is dead.
    pub async fn check_queues(&self, shop: &Shop) {
        for queue in LEFT_EMPTY {
            queues::ready_is(&self.broker, queue, 0).await;
        }
        let dead = queues::look_into(&self.broker, DLQ).await;
        let mut found: Vec<(String, String, Bytes)> = dead
            .into_iter()
            .map(|d| {
                let properties = &d.message.properties;
                let reason = properties.headers["fanout-reason"].as_str().unwrap();
                let id = properties.message_id.clone().unwrap();
                (id, reason.to_owned(), d.message.body)
            })
            .collect();
        found.sort();
        let expected = shop.dead();
        let extra: Vec<_> = found.iter().filter(|d| !expected.contains(d)).collect();
        assert!(extra.is_empty(), "dead, and no reason to be: {extra:?}");
        assert_eq!(found, expected);
    }
}

/// A connection for the test.
pub async fn connect(config: BrokerConfig) -> AmqpBroker {
    let broker = AmqpBroker::start(config, Topology::from_config(&Config::default()));
    within("connected", SOON, broker.connected()).await.unwrap();
    broker
}

/// Waits until the worker is ready.
pub async fn ready(worker: &Running<'_>) {
    eventually("the worker is ready", SOON, async || {
        (worker.get("/ready").0 == 200).then_some(())
    })
    .await;
}

/// How many events this worker has applied, skipped ones included.
pub fn progress(worker: &Running<'_>) -> u64 {
    let health = worker.get("/health").1;
    let count = |name: &str| health["progress"][name].as_u64().unwrap();
    count("applied") + count("skipped")
}

/// Waits until a worker that ends by itself has ended.
pub async fn ends(worker: Running<'_>) -> Ended {
    eventually("the worker ends", LONG, async || {
        worker.stderr().contains("worker ended").then_some(())
    })
    .await;
    worker.ended()
}

/// Projects what is left, and checks graph and queues.
pub async fn finish(rig: &Rig, program: &Program, neo4j: &Neo4j, shop: &Shop) {
    let ended = ends(program.start(&["--queue", "neo4j", "--workers", "3", "--until-empty"])).await;
    assert_eq!(ended.code, Some(0), "{}", tail(&ended.stderr));
    rig.check_queues(shop).await;
    shop.check(neo4j).await;
}

/// The last lines of a log.
pub fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
