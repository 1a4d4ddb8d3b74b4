//! `fanout where` against RabbitMQ and Neo4j.

use std::time::Duration;

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{
    Broker, BrokerError, BrokerStatus, Message, Properties, PublishError, QueueDepth, Subscription,
};
use fanout::codec::Codec;
use fanout::config::{BrokerConfig, Config, TopologyMode};
use fanout::operate::whereabouts::look;
use fanout::topology::Topology;
use fanout_contract::EventId;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::program::Program;
use crate::support::neo4j::{Neo4j, PASSWORD};
use crate::support::queues::{publish, ready_is};
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{eventually, unique, within};
use crate::worker_program;

const SOON: Duration = Duration::from_secs(60);

const FILE: &str = r##"
[queues.neo4j]
name = "events.neo4j"
processor = "neo4j"
bindings = [{ exchange = "events", keys = ["#"] }]
dead_letter = "events.dlq"
retry_delays = ["4s", "10m"]
"##;

async fn publisher(vhost: &Vhost) -> AmqpBroker {
    let config = BrokerConfig {
        topology: TopologyMode::None,
        ..vhost.config()
    };
    let broker = AmqpBroker::start(config, Topology::from_config(&Config::default()));
    within("connected", SOON, broker.connected()).await.unwrap();
    broker
}

/// A view under this id, to a queue through the default exchange, as the engine would have put
/// it there.
fn failed(id: &str, queue: &str) -> Message {
    let body = json!({"event_id": id, "event_type": "view", "user_id": id, "product_id": 1});
    let headers = [
        ("fanout-attempt", 2.into()),
        ("fanout-reason", "neo4j-value".into()),
        ("fanout-error", "a value is out of range".into()),
        ("fanout-origin-queue", "events.neo4j".into()),
    ];
    Message {
        exchange: String::new(),
        routing_key: queue.to_owned(),
        properties: Properties {
            message_id: Some(id.to_owned()),
            persistent: true,
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            ..Properties::default()
        },
        body: body.to_string().into(),
    }
}

struct Set {
    vhost: Vhost,
    env: Vec<(String, String)>,
    program: Program,
}

/// A vhost with the topology, and both programs' settings.
async fn set_up() -> Set {
    let (rabbitmq, neo4j) = tokio::join!(RabbitMq::shared(), Neo4j::shared());
    let vhost = rabbitmq.vhost("where").await;
    let bolt = format!("bolt://127.0.0.1:{}", neo4j.bolt_port().await);
    let env = [
        ("RABBITMQ_URL", vhost.url().expose().to_owned()),
        ("NEO4J_URI", bolt),
        ("NEO4J_PASSWORD", PASSWORD.to_owned()),
    ];
    let env: Vec<_> = env.map(|(name, value)| (name.to_owned(), value)).into();
    let program = env.iter().fold(Program::new(), |p, (n, v)| p.env(n, v));
    let program = program.file("fanout.toml", FILE);
    program.run(&["topology", "apply"]).good();
    Set {
        vhost,
        env,
        program,
    }
}

/// Exit code and the queue's part of an answer.
fn place(program: &Program, id: &str) -> (Option<i32>, Value) {
    let ended = program.run(&["where", id, "--json"]);
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    (ended.code, answer["queues"][0].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn an_event_is_found_wherever_it_is_and_looking_changes_nothing() {
    let Set {
        vhost,
        env,
        program,
    } = set_up().await;
    let broker = publisher(&vhost).await;
    let [soon, later, dead, waits] = ["soon", "later", "dead", "waits"].map(unique);
    let placed = [
        failed(&later, "events.neo4j.retry.10m"),
        failed(&dead, "events.dlq"),
        failed(&waits, "events.neo4j"),
        failed(&soon, "events.neo4j.retry.4s"),
    ];
    publish(&broker, placed).await;
    // more often than an event may be delivered without becoming a suspect
    for _ in 0..12 {
        let (code, place) = place(&program, &later);
        assert_eq!(
            (code, &place["state"]),
            (Some(1), &json!("retrying")),
            "{place}"
        );
        let found = &place["found"][0];
        assert_eq!(found["queue"], "events.neo4j.retry.10m");
        assert_eq!(
            (&found["reason"], &found["attempt"]),
            (&json!("neo4j-value"), &json!(2))
        );
    }
    let (code, answer) = place(&program, &dead);
    assert_eq!(
        (code, &answer["state"]),
        (Some(1), &json!("dead-letter")),
        "{answer}"
    );
    assert_eq!(answer["found"][0]["error"], "a value is out of range");
    let (code, answer) = place(&program, &waits);
    assert_eq!(
        (code, &answer["state"]),
        (Some(1), &json!("waiting")),
        "{answer}"
    );

    let worker = worker_program::Program::new();
    let worker = env.iter().fold(worker, |p, (n, v)| p.env(n, v)).file(FILE);
    let worker = worker.start(&["--queue", "neo4j"]);
    for id in [&waits, &soon] {
        let applied = eventually("it is applied", SOON, async || {
            let (code, place) = place(&program, id);
            (code == Some(0)).then_some(place)
        });
        let answer = applied.await;
        assert_eq!(answer["state"], "applied", "{answer}");
        assert!(answer["at"].is_string(), "{answer}");
    }
    assert!(!worker.stderr().contains("suspect"), "{}", worker.stderr());
    let (code, answer) = place(&program, &unique("never"));
    assert_eq!(
        (code, &answer["state"]),
        (Some(1), &json!("not-found")),
        "{answer}"
    );
    let text = program.run(&["where", &dead]);
    assert_eq!(text.code, Some(1));
    assert!(text.stdout.contains("dead-letter"), "{text:?}");
}

/// Says that one message more is ready than there is: a look goes on waiting for it.
struct OneMore(AmqpBroker);

impl Broker for OneMore {
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

    fn depth<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Option<QueueDepth>, BrokerError>> {
        async move {
            let depth = self.0.depth(queue).await?;
            Ok(depth.map(|depth| QueueDepth {
                ready: depth.ready + 1,
                ..depth
            }))
        }
        .boxed()
    }

    fn status(&self) -> watch::Receiver<BrokerStatus> {
        self.0.status()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.0.close()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_look_whose_caller_has_gone_counts_as_no_delivery() {
    let vhost = RabbitMq::shared().await.vhost("gone").await;
    let mut config = Config::default();
    config.queues.get_mut("neo4j").unwrap().retry_delays = vec![Duration::from_secs(2)];
    let broker = AmqpBroker::start(vhost.config(), Topology::from_config(&config));
    within("connected", SOON, broker.connected()).await.unwrap();
    let stage = "events.neo4j.retry.2s";
    let (codec, id) = (Codec::from_config(&config), EventId::new(unique("gone")));
    publish(&broker, [failed(id.as_str(), stage)]).await;

    let broker = OneMore(broker);
    tokio::select! {
        _ = look(&broker, &codec, (stage, "retry"), &id, 10) => {}
        () = ready_is(&broker.0, stage, 0) => {}
    }
    let mut back = broker.consume("events.neo4j", 1).await.unwrap();
    let next = within("it is back", SOON, back.deliveries.next()).await;
    let delivery = next.unwrap().unwrap();
    let before = (delivery.redelivered, delivery.delivery_count);
    assert_eq!(before, (false, Some(0)), "{delivery:?}");
}
