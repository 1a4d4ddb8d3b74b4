//! A topology of somebody else, by configuration text alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fanout::broker::Broker;
use fanout::broker::amqp::AmqpBroker;
use fanout::config::{Config, LoadOptions, Overrides};
use fanout::topology::Topology;
use fanout_contract::Outcome;

use super::fake::{Fake, transient};
use super::rig::{Rig, ids};
use super::{SOON, body, message};
use crate::support::rabbitmq::RabbitMq;
use crate::support::within;

const TEXT: &str = r#"
[[exchanges]]
name = "app.events"
kind = "topic"

[[exchanges]]
name = "order_events"
kind = "fanout"

[queues.search]
name = "search.q"
processor = "search"
dead_letter = "search.dlq"
retry_delays = ["0s", "1s", "2s", "4s", "8s"]
bindings = [
  { exchange = "app.events", keys = ["*.created", "payment.*"] },
  { exchange = "order_events" },
]
"#;

async fn rig() -> Rig {
    let vhost = RabbitMq::shared().await.vhost("configured").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fanout.toml");
    std::fs::write(&file, TEXT).unwrap();
    let url = vhost.url().expose().to_owned();
    let env = BTreeMap::from([("RABBITMQ_URL".to_owned(), url)]);
    let loaded = Config::load(LoadOptions {
        file: Some(&file),
        env: &env,
        overrides: Overrides::default(),
    });
    let config = loaded.unwrap().config;
    let broker = AmqpBroker::start(config.broker.clone(), Topology::from_config(&config));
    within("connected", SOON, broker.connected()).await.unwrap();
    Rig {
        vhost,
        config,
        broker: Arc::new(broker),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn topic_patterns_two_exchanges_other_names_and_a_plan_from_0s_to_8s_need_only_configuration()
{
    let rig = rig().await;
    let fake = Arc::new(Fake::new(|event| match event.kind() {
        "bad" => transient(),
        _ => Outcome::applied(),
    }));
    let running = rig.start_on(rig.broker.clone(), "search", fake.clone());
    let to = |exchange, key, id: &str, kind| message(exchange, key, id, body(id, kind));
    rig.publish([
        to("app.events", "user.created", "1", "view"),
        to("app.events", "payment.failed", "2", "view"),
        to("order_events", "anything", "3", "view"),
        to("app.events", "payment.created", "4", "view"),
        to("app.events", "payment.late", "5", "bad"),
    ])
    .await;
    for key in ["user.deleted", "a.b.created", "payment"] {
        let result = rig.broker.publish(to("app.events", key, "6", "view")).await;
        assert!(result.is_err(), "{key} is bound to nothing: {result:?}");
    }
    running
        .shows("a dead letter", |s| s.counts.dead_lettered == 1)
        .await;
    running.drain().await;

    let mut applied = fake.applied();
    applied.sort();
    assert_eq!(
        applied,
        ["1", "2", "3", "4"],
        "one bound by two patterns comes once"
    );
    let seen = fake.seen("5");
    let attempts: Vec<_> = seen.iter().map(|s| s.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5, 6]);
    for (pair, seconds) in seen.windows(2).zip([0, 1, 2, 4, 8]) {
        let (gap, stage) = (pair[1].at - pair[0].at, Duration::from_secs(seconds));
        println!("stage {stage:?}: {gap:?}");
        assert!(
            gap >= stage && gap < stage + Duration::from_secs(10),
            "{gap:?}"
        );
    }
    let dead = rig.look_into("search.dlq").await;
    assert_eq!(ids(&dead), ["5"]);
    assert_eq!(
        rig.broker.depth("events.dlq").await,
        Ok(None),
        "nothing of the defaults"
    );
    assert_eq!(rig.ready("search.q").await, 0);
}
