//! The default plan, as the broker shows it.

use std::collections::BTreeMap;

use fanout::config::{Config, ExchangeConfig, ExchangeKind};
use fanout::topology::Topology;
use serde_json::{Value, json};

use super::{connected, default_topology};
use crate::support::rabbitmq::{RabbitMq, Vhost};

/// Queues by name, with type and arguments.
async fn queues(vhost: &Vhost) -> BTreeMap<String, Value> {
    let listed = vhost
        .management()
        .get(&format!("/api/queues/{}", vhost.name()))
        .await;
    let row = |queue: &Value| {
        assert_eq!(queue["durable"], json!(true), "{queue}");
        (
            queue["name"].as_str().unwrap().to_owned(),
            queue["arguments"].clone(),
        )
    };
    listed.as_array().unwrap().iter().map(row).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn the_default_plan_stands_at_the_broker_with_names_ttls_and_arguments() {
    const LIMIT: i64 = 1_000_000;
    let vhost = RabbitMq::shared().await.vhost("plan").await;
    let _broker = connected(vhost.config(), default_topology()).await;
    let dead_lettering = |to: &str, extra: Value| {
        let mut arguments = json!({
            "x-queue-type": "quorum",
            "x-delivery-limit": LIMIT,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": to,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        });
        let extra = extra.as_object().unwrap().clone();
        arguments.as_object_mut().unwrap().extend(extra);
        arguments
    };
    let mut expected = BTreeMap::from([(
        "events.dlq".to_owned(),
        json!({"x-queue-type": "quorum", "x-delivery-limit": LIMIT}),
    )]);
    for name in ["events.neo4j", "events.qdrant"] {
        let fourteen_days = 14 * 24 * 3_600_000_i64;
        let main = json!({"x-message-ttl": fourteen_days, "x-max-length-bytes": 8_i64 << 30});
        expected.insert(name.to_owned(), dead_lettering("events.dlq", main));
        let suspect = dead_lettering("events.dlq", json!({}));
        expected.insert(format!("{name}.suspect"), suspect);
        let pause = json!({
            "x-queue-type": "quorum",
            "x-delivery-limit": LIMIT,
            "x-max-length": 1,
            "x-overflow": "drop-head",
        });
        expected.insert(format!("{name}.pause"), pause);
        for (delay, millis) in [("5s", 5_000), ("30s", 30_000), ("5m", 300_000)] {
            let retry = dead_lettering(name, json!({"x-message-ttl": millis}));
            expected.insert(format!("{name}.retry.{delay}"), retry);
        }
    }
    assert_eq!(queues(&vhost).await, expected);

    let exchange = vhost
        .management()
        .get(&vhost.path("exchanges", "events"))
        .await;
    assert_eq!(exchange["type"], json!("fanout"));
    assert_eq!(exchange["durable"], json!(true));
    let bindings = format!("/api/exchanges/{}/events/bindings/source", vhost.name());
    let bindings = vhost.management().get(&bindings).await;
    let mut bound: Vec<_> = bindings
        .as_array()
        .unwrap()
        .iter()
        .map(|b| (b["destination"].clone(), b["routing_key"].clone()))
        .collect();
    bound.sort_by_key(|(queue, _)| queue.to_string());
    let expected = ["events.neo4j", "events.qdrant"].map(|q| (json!(q), json!("#")));
    assert_eq!(bound, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn declaring_again_changes_nothing_and_a_changed_plan_makes_queues_beside_the_old() {
    let vhost = RabbitMq::shared().await.vhost("again").await;
    let broker = connected(vhost.config(), default_topology()).await;
    let before = queues(&vhost).await;
    broker.establish_topology().await.unwrap();
    assert_eq!(queues(&vhost).await, before);

    let mut config = Config::default();
    config.exchanges.push(ExchangeConfig {
        name: "app.events".to_owned(),
        kind: ExchangeKind::Topic,
    });
    for queue in config.queues.values_mut() {
        queue.retry_delays = vec![std::time::Duration::from_millis(250)];
    }
    let changed = connected(vhost.config(), Topology::from_config(&config)).await;
    let after = queues(&vhost).await;
    assert_eq!(after.len(), before.len() + 2);
    assert_eq!(
        after["events.neo4j.retry.250ms"]["x-message-ttl"],
        json!(250)
    );
    drop((broker, changed));
}
