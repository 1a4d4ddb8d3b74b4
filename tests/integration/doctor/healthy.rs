//! What is well is not complained of.

use std::collections::BTreeSet;

use fanout::broker::Broker;
use fanout::broker::amqp::AmqpBroker;
use fanout::topology::Topology;

use super::rig::{ONE_QUEUE, Rig, ids};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_healthy_set_up_with_a_worker_has_nothing_but_its_one_node() {
    let mut rig = Rig::empty("healthy", ONE_QUEUE).await;
    rig.add_user(".*", ".*", ".*").await;
    let topology = Topology::from_config(&rig.config);
    let broker = AmqpBroker::start(rig.config.broker.clone(), topology);
    let consumer = broker.consume("events.neo4j", 1).await.unwrap();
    let report = rig.examine().await;
    let (severe, notices) = ids(&report);
    assert_eq!(severe, BTreeSet::new(), "{report:#?}");
    assert_eq!(
        notices,
        BTreeSet::from(["single-node-quorum"]),
        "{report:#?}"
    );
    // The one thing that no API tells.
    let gaps: Vec<_> = report.not_checked.iter().map(|gap| &gap.what).collect();
    assert!(
        matches!(&gaps[..], [one] if one.contains("consumer timeout")),
        "{report:#?}"
    );
    consumer.channel.close().await.unwrap();
    broker.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn without_the_management_api_queues_are_looked_at_and_the_rest_is_told() {
    let mut rig = Rig::with("amqp", ONE_QUEUE, |document| {
        let queues = document["queues"].as_array_mut().unwrap();
        queues.retain(|queue| queue["name"] != "events.neo4j.suspect");
        queues[0]["arguments"]["x-delivery-limit"] = 7.into();
    })
    .await;
    rig.config.broker.management_url = None;
    let report = rig.examine().await;
    let (severe, _) = ids(&report);
    assert_eq!(
        severe,
        BTreeSet::from(["queue-arguments-differ", "queue-missing"]),
        "{report:#?}"
    );
    assert!(
        report
            .not_checked
            .iter()
            .any(|gap| gap.mend.contains("RABBITMQ_MANAGEMENT_URL")),
        "{report:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_refused_login_is_told_from_a_server_that_is_away() {
    let mut rig = Rig::empty("login", ONE_QUEUE).await;
    let url = rig
        .vhost
        .url()
        .expose()
        .replace("guest:guest@", "guest:wr0ng@");
    rig.config.broker.urls = vec![fanout::config::Secret::new(url)];
    let report = rig.examine().await;
    let (severe, _) = ids(&report);
    assert!(severe.contains("broker-access-refused"), "{report:#?}");
    assert!(!format!("{report:?}").contains("wr0ng"), "{report:#?}");
}
