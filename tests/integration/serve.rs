//! `fanout serve` against RabbitMQ.

use std::collections::BTreeSet;
use std::time::Duration;

use fanout::broker::amqp::AmqpBroker;
use fanout::config::{BrokerConfig, Config, TopologyMode};
use fanout::topology::Topology;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::gateway_program::{Gateway, view};
use crate::support::queues::{look_into, ready_is};
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::within;
#[cfg(feature = "neo4j")]
use crate::support::{
    neo4j::{Neo4j, PASSWORD},
    unique,
};
#[cfg(feature = "neo4j")]
use crate::worker_program::Program;

const SOON: Duration = Duration::from_secs(60);

async fn observer(vhost: &Vhost) -> AmqpBroker {
    let config = BrokerConfig {
        topology: TopologyMode::None,
        ..vhost.config()
    };
    let broker = AmqpBroker::start(config, Topology::from_config(&Config::default()));
    within("connected", SOON, broker.connected()).await.unwrap();
    broker
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn events_posted_are_in_both_queues_once_answered_and_a_signal_drains() {
    let vhost = RabbitMq::shared().await.vhost("serve").await;
    let mut gateway = Gateway::start(vhost.url().expose());
    gateway.connected().await;
    let ids: Vec<_> = (0..500).map(|n| format!("e-{n}")).collect();
    // Each about a user of its own, so that they go side by side.
    let events = ids.iter().enumerate().map(|(user, id)| view(id, user));
    let events: Vec<_> = events.collect();
    let body = format!("[{},{{\"user_id\":1}}]", events.join(","));
    let (status, answer) = gateway.post("/events", &body).await;
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
    let (_, queue) = gateway.get("/rabbitmq/queues/neo4j").await;
    assert_eq!(
        (&queue["name"], &queue["messages_ready"]),
        (&json!("events.neo4j"), &json!(500))
    );
    let (status, purged) = gateway.post("/rabbitmq/queues/neo4j/purge", "").await;
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
        let (status, answer) = gateway.post("/events", &body).await;
        assert_eq!((status, &answer["spooled"]), (202, &json!(100)), "{answer}");
    }
    let (status, health) = gateway.get("/health").await;
    assert_eq!((status, &health["status"]), (200, &json!("degraded")));
    assert_eq!(gateway.pending().await, 300);
    proxy.pass().await;
    gateway.connected().await;
    gateway.nothing_is_pending().await;
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

/// The broker in between, a worker behind it, and the graph that is asked.
#[cfg(feature = "neo4j")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_post_that_waits_is_answered_once_the_graph_has_it() {
    let (rabbitmq, neo4j) = tokio::join!(RabbitMq::shared(), Neo4j::shared());
    let vhost = rabbitmq.vhost("serve-wait").await;
    let bolt = format!("bolt://127.0.0.1:{}", neo4j.bolt_port().await);
    let env = [
        ("RABBITMQ_URL", vhost.url().expose().to_owned()),
        ("NEO4J_URI", bolt),
        ("NEO4J_PASSWORD", PASSWORD.to_owned()),
    ];
    let gateway = Gateway::with(env.clone().map(|(n, v)| (n.to_owned(), v)).into());
    gateway.connected().await;
    let (user, id) = (unique("reader"), unique("read"));
    let event = json!({"event_id": id, "event_type": "view", "user_id": user, "product_id": 7});
    let event = event.to_string();
    let waiting = "/events?wait=applied&queues=neo4j";
    let (status, answer) = gateway
        .post(&format!("{waiting}&timeout=200ms"), &event)
        .await;
    assert_eq!(
        (status, &answer["applied"]),
        (202, &json!(false)),
        "{answer}"
    );
    assert_eq!(answer["pending"]["neo4j"]["ids"], json!([id]), "{answer}");

    let program = env.iter().fold(Program::new(), |program, (name, value)| {
        program.env(name, value)
    });
    let _worker = program.start(&["--queue", "neo4j"]);
    let barrier = format!("/events/{id}?queues=neo4j&wait=60s");
    let (status, answer) = gateway.get(&barrier).await;
    assert_eq!(
        (status, &answer["applied"]),
        (200, &json!(true)),
        "{answer}"
    );
    assert!(answer["queues"]["neo4j"]["at"].is_string(), "{answer}");
    let views = "MATCH (:User {id: $user})-[v:VIEWED]->() RETURN sum(v.count)";
    for n in 2..=20 {
        let event = event.replace(&id, &format!("{id}-{n}"));
        let (status, answer) = gateway
            .post(&format!("{waiting}&timeout=30s"), &event)
            .await;
        assert_eq!(status, 200, "{answer}");
        // what was answered is there to be read
        let there = neo4j.number(views, json!({ "user": user })).await;
        assert_eq!(there, n, "{answer}");
    }
    let (status, refused) = gateway
        .post("/events?wait=applied&queues=nobody", &event)
        .await;
    assert_eq!(status, 400, "{refused}");
}
