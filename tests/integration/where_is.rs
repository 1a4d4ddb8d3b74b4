//! `fanout where` against RabbitMQ and Neo4j.

use std::time::Duration;

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Message, Properties};
use fanout::config::{BrokerConfig, Config, TopologyMode};
use fanout::topology::Topology;
use serde_json::{Value, json};

use crate::program::Program;
use crate::support::neo4j::{Neo4j, PASSWORD};
use crate::support::queues::publish;
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
    // What waits in a retry queue is looked at there, and the broker counts that.
    let told = worker.stderr();
    assert!(!told.contains(&waits), "it is no suspect: {told}");
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
