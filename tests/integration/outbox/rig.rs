//! A database with an outbox, a vhost with the default queues, and relays between the two.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::Duration;

use fanout::broker::amqp::AmqpBroker;
use fanout::config::{BrokerConfig, Config, TopologyMode};
use fanout::topology::Topology;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::program::Program;
use crate::support::lines::Lines;
use crate::support::postgres::{Database, Postgres};
use crate::support::queues;
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{eventually, within};

/// For whatever happens within a second on an idle machine.
pub(super) const SOON: Duration = Duration::from_secs(60);
const QUEUE: &str = "events.neo4j";

pub(super) struct Rig {
    pub(super) database: Database,
    pub(super) vhost: Vhost,
    pub(super) program: Program,
    observer: AmqpBroker,
}

/// What stands in the queue of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Arrived {
    pub(super) id: String,
    pub(super) aggregate: String,
    pub(super) n: i64,
    pub(super) body: Value,
}

impl Rig {
    /// With the table and the queues in place.
    pub(super) async fn new(name: &str) -> Self {
        let database = Postgres::shared().await.database(name).await;
        let vhost = RabbitMq::shared().await.vhost(name).await;
        let (outbox, rabbit) = (database.url(), vhost.url().expose().to_owned());
        Self::with(database, vhost, &outbox, &rabbit).await
    }

    /// With relays that reach database and broker by these URLs.
    pub(super) async fn with(
        database: Database,
        vhost: Vhost,
        outbox_url: &str,
        rabbit_url: &str,
    ) -> Self {
        let program = Program::new()
            .env("FANOUT_OUTBOX_URL", outbox_url)
            .env("RABBITMQ_URL", rabbit_url)
            .env("FANOUT_LOG_FORMAT", "json");
        program.run(&["outbox", "init", "--apply"]).good();
        program.run(&["topology", "apply"]).good();
        let config = BrokerConfig {
            topology: TopologyMode::None,
            ..vhost.config()
        };
        let observer = AmqpBroker::start(config, Topology::from_config(&Config::default()));
        let connected = within("connected", SOON, observer.connected());
        connected.await.unwrap();
        Self {
            database,
            vhost,
            program,
            observer,
        }
    }

    /// Commits a row of this aggregate whose payload is the number.
    pub(super) async fn insert(&self, aggregate: &str, n: i64) {
        self.database.run(&row(aggregate, n)).await;
    }

    /// Starts a relay.
    pub(super) fn relay(&self) -> Relay {
        self.relay_with(&[])
    }

    pub(super) fn relay_with(&self, args: &[&str]) -> Relay {
        let args = [&["outbox", "run", "--json"], args].concat();
        let mut command = self.program.command(&args);
        // The log is read at the end, and shown where that is another than expected.
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Relay(Some(command.spawn().unwrap()))
    }

    /// Publishes everything there is.
    pub(super) async fn drain(&self) -> Value {
        let relay = self.relay_with(&["--until-empty"]);
        relay.ended(0).await
    }

    pub(super) async fn ready_is(&self, count: u64) {
        queues::ready_is(&self.observer, QUEUE, count).await;
    }

    pub(super) async fn ready(&self) -> u64 {
        queues::ready(&self.observer, QUEUE).await
    }

    /// Everything in the queue, in its order.
    pub(super) async fn arrived(&self) -> Vec<Arrived> {
        let found = queues::look_into(&self.observer, QUEUE).await;
        found
            .into_iter()
            .map(|delivery| {
                let body: Value = serde_json::from_slice(&delivery.message.body).unwrap();
                Arrived {
                    id: delivery.message.properties.message_id.unwrap(),
                    aggregate: body["subject"].as_str().unwrap_or_default().to_owned(),
                    n: body["payload"]["n"].as_i64().unwrap_or_default(),
                    body,
                }
            })
            .collect()
    }

    /// The numbers of each aggregate, in the order of the queue.
    pub(super) async fn by_aggregate(&self) -> BTreeMap<String, Vec<i64>> {
        by_aggregate(&self.arrived().await)
    }

    /// Waits until no row waits.
    pub(super) async fn all_marked(&self) {
        eventually("no row waits", SOON, async || {
            (self.waiting().await == 0).then_some(())
        })
        .await;
    }

    pub(super) async fn waiting(&self) -> i64 {
        let sql = "SELECT count(*) FROM fanout_outbox \
                   WHERE published_at IS NULL AND refused_at IS NULL";
        self.database.number(sql).await
    }
}

pub(super) fn by_aggregate(arrived: &[Arrived]) -> BTreeMap<String, Vec<i64>> {
    let mut numbers: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for one in arrived {
        numbers
            .entry(one.aggregate.clone())
            .or_default()
            .push(one.n);
    }
    numbers
}

/// The statement that writes a row.
pub(super) fn row(aggregate: &str, n: i64) -> String {
    format!(
        "INSERT INTO fanout_outbox (aggregate, kind, payload) \
         VALUES ('{aggregate}', 'order.changed', '{{\"n\": {n}}}')"
    )
}

/// A running relay; killed when dropped.
pub(super) struct Relay(Option<Child>);

impl Relay {
    fn signal(&self, signal: Signal) {
        let id = self.0.as_ref().unwrap().id();
        kill(Pid::from_raw(id.try_into().unwrap()), signal).unwrap();
    }

    /// SIGKILL.
    pub(super) async fn crash(self) {
        self.signal(Signal::SIGKILL);
        self.wait().await;
    }

    /// SIGTERM; what it published.
    pub(super) async fn stop(self) -> Value {
        self.stop_and_tell().await.0
    }

    /// SIGTERM; what it published, and its log.
    pub(super) async fn stop_and_tell(self) -> (Value, Lines) {
        self.signal(Signal::SIGTERM);
        self.told(0).await
    }

    /// Waits for the end with this code; what it printed.
    pub(super) async fn ended(self, code: i32) -> Value {
        self.told(code).await.0
    }

    /// The same, and its log.
    pub(super) async fn told(self, code: i32) -> (Value, Lines) {
        let output = self.wait().await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let log = String::from_utf8(output.stderr).unwrap();
        let summary = serde_json::from_slice(&output.stdout).unwrap();
        (summary, Lines::of_program(&log))
    }

    async fn wait(mut self) -> std::process::Output {
        let child = self.0.take().unwrap();
        let output = tokio::task::spawn_blocking(|| child.wait_with_output());
        within("the end of the relay", SOON, output)
            .await
            .unwrap()
            .unwrap()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            child.kill().ok();
            child.wait().ok();
        }
    }
}
