//! `fanout serve` against RabbitMQ.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::Child;
use std::time::Duration;

use fanout::broker::amqp::AmqpBroker;
use fanout::config::{BrokerConfig, Config, TopologyMode};
use fanout::topology::Topology;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::program::Program;
use crate::support::queues::{look_into, ready_is};
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{eventually, within};

const SOON: Duration = Duration::from_secs(60);

/// A gateway in a folder of its own; killed when dropped.
struct Gateway {
    program: Program,
    child: Child,
}

impl Gateway {
    fn start(url: &str) -> Self {
        let program = Program::new()
            .env("RABBITMQ_URL", url)
            .env("FANOUT_HTTP_ADDR", "127.0.0.1:0");
        let log = File::create(program.folder().join("log")).unwrap();
        let child = program.command(&["serve"]).stderr(log).spawn().unwrap();
        Self { program, child }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.program.folder().join("log")).unwrap()
    }

    async fn addr(&self) -> SocketAddr {
        eventually("the gateway says its address", SOON, async || {
            let log = self.log();
            let (_, behind) = log.split_once(" http=")?;
            behind
                .contains('\n')
                .then(|| behind.split_whitespace().next().unwrap().parse().unwrap())
        })
        .await
    }

    /// Status and body of a call; a body makes it a POST.
    async fn call(&self, path: &str, body: Option<String>) -> (u16, Value) {
        let url = format!("http://{}{path}", self.addr().await);
        let call = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(SOON))
                .build()
                .into();
            let answer = match body {
                Some(body) => agent.post(&url).content_type("application/json").send(body),
                None => agent.get(&url).call(),
            };
            let mut answer = answer.unwrap();
            let text = answer.body_mut().read_to_string().unwrap();
            (
                answer.status().as_u16(),
                serde_json::from_str(&text).unwrap_or(Value::Null),
            )
        });
        call.await.unwrap()
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    async fn exit_code(&mut self) -> Option<i32> {
        eventually("the gateway ends", SOON, async || {
            self.child.try_wait().unwrap()
        })
        .await
        .code()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("{}", self.log());
        }
    }
}

async fn observer(vhost: &Vhost) -> AmqpBroker {
    let config = BrokerConfig {
        topology: TopologyMode::None,
        ..vhost.config()
    };
    let broker = AmqpBroker::start(config, Topology::from_config(&Config::default()));
    within("connected", SOON, broker.connected()).await.unwrap();
    broker
}

async fn connected(gateway: &Gateway) {
    eventually("the gateway is connected", SOON, async || {
        let (_, health) = gateway.call("/health", None).await;
        (health["rabbitmq"] == true).then_some(())
    })
    .await;
}

fn view(id: &str, user: usize) -> String {
    json!({"event_id": id, "event_type": "view", "user_id": user, "product_id": 2}).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn events_posted_are_in_both_queues_once_answered_and_a_signal_drains() {
    let vhost = RabbitMq::shared().await.vhost("serve").await;
    let mut gateway = Gateway::start(vhost.url().expose());
    connected(&gateway).await;
    let ids: Vec<_> = (0..500).map(|n| format!("e-{n}")).collect();
    // Each about a user of its own, so that they go side by side.
    let events = ids.iter().enumerate().map(|(user, id)| view(id, user));
    let events: Vec<_> = events.collect();
    let body = format!("[{},{{\"user_id\":1}}]", events.join(","));
    let (status, answer) = gateway.call("/events", Some(body)).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!(
        (&answer["accepted"], &answer["spooled"]),
        (&json!(500), &json!(0))
    );
    assert_eq!(answer["ids"], json!(ids));
    assert_eq!(answer["rejected"][0]["index"], 500);
    let broker = observer(&vhost).await;
    for queue in ["events.neo4j", "events.qdrant"] {
        let found = look_into(&broker, queue).await.into_iter();
        let found: BTreeSet<_> = found
            .map(|d| d.message.properties.message_id.unwrap())
            .collect();
        assert!(found == ids.iter().cloned().collect(), "{queue}: {found:?}");
        ready_is(&broker, queue, 500).await;
    }
    let (_, queue) = gateway.call("/rabbitmq/queues/neo4j", None).await;
    assert_eq!(
        (&queue["name"], &queue["messages_ready"]),
        (&json!("events.neo4j"), &json!(500))
    );
    let (status, purged) = gateway
        .call("/rabbitmq/queues/neo4j/purge", Some(String::new()))
        .await;
    assert_eq!((status, purged), (200, json!({"purged": 500})));
    ready_is(&broker, "events.neo4j", 0).await;
    gateway.signal(Signal::SIGTERM);
    assert_eq!(gateway.exit_code().await, Some(0), "{}", gateway.log());
    assert!(!gateway.log().contains("guest:guest"), "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn events_posted_while_the_broker_is_away_arrive_in_order_once_it_is_back() {
    let rabbit = RabbitMq::shared().await;
    let vhost = rabbit.vhost("serve-away").await;
    let proxy = rabbit.proxy().await;
    proxy.cut().await;
    let gateway = Gateway::start(vhost.url_at(proxy.port()).expose());
    let ids: Vec<_> = (0..300).map(|n| format!("e-{n}")).collect();
    for hundred in ids.chunks(100) {
        let events: Vec<_> = hundred.iter().map(|id| view(id, 1)).collect();
        let body = format!("[{}]", events.join(","));
        let (status, answer) = gateway.call("/events", Some(body)).await;
        assert_eq!((status, &answer["spooled"]), (202, &json!(100)), "{answer}");
    }
    let (status, health) = gateway.call("/health", None).await;
    assert_eq!((status, &health["status"]), (200, &json!("degraded")));
    let pending = |health: &Value| health["dependencies"]["rabbitmq"]["pending_events"].clone();
    assert_eq!(pending(&health), 300);
    proxy.pass().await;
    connected(&gateway).await;
    eventually("nothing is pending", SOON, async || {
        let (_, health) = gateway.call("/health", None).await;
        (pending(&health) == 0).then_some(())
    })
    .await;
    let broker = observer(&vhost).await;
    for queue in ["events.neo4j", "events.qdrant"] {
        // They are all about one user: that is a subject.
        let found = look_into(&broker, queue).await.into_iter();
        let found: Vec<_> = found
            .map(|d| d.message.properties.message_id.unwrap())
            .collect();
        assert!(found == ids, "{queue}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_broker_that_refuses_the_user_ends_the_gateway_with_exit_4() {
    let vhost = RabbitMq::shared().await.vhost("refused").await;
    let url = vhost.url().expose().replace("guest:guest", "guest:wrong");
    let mut gateway = Gateway::start(&url);
    assert_eq!(gateway.exit_code().await, Some(4), "{}", gateway.log());
    assert!(!gateway.log().contains("wrong@"), "{}", gateway.log());
}
