//! The topology of the interface, and what configuration alone can make of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::BTreeMap;

use super::*;
use crate::config::{LoadOptions, Overrides};

fn from_file(text: &str) -> Topology {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fanout.toml");
    std::fs::write(&path, text).unwrap();
    let loaded = Config::load(LoadOptions {
        file: Some(&path),
        env: &BTreeMap::new(),
        overrides: Overrides::default(),
    });
    Topology::from_config(&loaded.unwrap_or_else(|errors| panic!("{errors}")).config)
}

fn names(topology: &Topology) -> Vec<&str> {
    topology.queues.iter().map(|q| q.name.as_str()).collect()
}

fn arguments(topology: &Topology, name: &str) -> Vec<String> {
    let queue = topology.queue(name).unwrap();
    let shown = queue.arguments.iter().map(|(key, value)| match value {
        Argument::Text(text) => format!("{key}={text}"),
        Argument::Int(number) => format!("{key}={number}"),
    });
    shown.collect()
}

fn bindings(topology: &Topology) -> Vec<String> {
    let shown = topology
        .bindings
        .iter()
        .map(|b| format!("{} {} {}", b.exchange, b.key, b.queue));
    shown.collect()
}

const SERVICE: &str = r#"
exchanges = [{ name = "app.events", kind = "topic" }, { name = "order_events", kind = "topic" }]
[queues.search]
name = "search.q"
dead_letter = "search.dlq"
retry_delays = ["0s", "1s", "2s", "4s", "8s"]
bindings = [
  { exchange = "app.events", keys = ["*.created", "payment.*"] },
  { exchange = "order_events", keys = ["order.#"] },
]
"#;

#[test]
fn the_default_topology_is_that_of_the_interface() {
    let topology = Topology::from_config(&Config::default());
    assert_eq!(
        topology.exchanges,
        [Exchange {
            name: "events".to_owned(),
            kind: ExchangeKind::Fanout
        }]
    );
    assert_eq!(
        names(&topology),
        [
            "events.dlq",
            "events.neo4j",
            "events.neo4j.suspect",
            "events.neo4j.retry.5s",
            "events.neo4j.retry.30s",
            "events.neo4j.retry.5m",
            "events.neo4j.pause",
            "events.qdrant",
            "events.qdrant.suspect",
            "events.qdrant.retry.5s",
            "events.qdrant.retry.30s",
            "events.qdrant.retry.5m",
            "events.qdrant.pause",
        ]
    );
    assert_eq!(
        bindings(&topology),
        ["events # events.neo4j", "events # events.qdrant"]
    );
    assert!(
        topology
            .queues
            .iter()
            .all(|q| q.queue_type == QueueType::Quorum)
    );
}

#[test]
fn the_arguments_of_the_default_queues_are_those_of_the_architecture() {
    let topology = Topology::from_config(&Config::default());
    let safety_net = |target: &str| {
        vec![
            "x-dead-letter-exchange=".to_owned(),
            format!("x-dead-letter-routing-key={target}"),
            "x-dead-letter-strategy=at-least-once".to_owned(),
            "x-delivery-limit=1000000".to_owned(),
        ]
    };
    let with = |target, more: &[&str]| {
        let mut all = safety_net(target);
        all.extend(more.iter().map(|text| (*text).to_owned()));
        all
    };
    let reject = "x-overflow=reject-publish";
    assert_eq!(
        arguments(&topology, "events.neo4j"),
        with(
            "events.dlq",
            &[
                "x-max-length-bytes=8589934592",
                "x-message-ttl=1209600000",
                reject
            ]
        )
    );
    assert_eq!(
        arguments(&topology, "events.neo4j.retry.5m"),
        with("events.neo4j", &["x-message-ttl=300000", reject])
    );
    assert_eq!(
        arguments(&topology, "events.neo4j.suspect"),
        with("events.dlq", &[reject])
    );
    assert_eq!(
        arguments(&topology, "events.dlq"),
        ["x-delivery-limit=1000000"]
    );
}

#[test]
fn a_service_with_topics_two_exchanges_and_its_own_dead_letters_is_configuration_alone() {
    let topology = from_file(SERVICE);
    assert_eq!(
        names(&topology),
        [
            "search.dlq",
            "search.q",
            "search.q.suspect",
            "search.q.retry.1s",
            "search.q.retry.2s",
            "search.q.retry.4s",
            "search.q.retry.8s",
            "search.q.pause",
        ]
    );
    assert_eq!(
        bindings(&topology),
        [
            "app.events *.created search.q",
            "app.events payment.* search.q",
            "order_events order.# search.q",
        ]
    );
}

#[test]
fn a_classic_main_queue_keeps_quorum_queues_around_it() {
    let topology = from_file(
        "[queues.a]\ntype = \"classic\"\nmessage_ttl = \"never\"\nmax_length_bytes = \"unlimited\"",
    );
    let classic: Vec<_> = topology
        .queues
        .iter()
        .filter(|q| q.queue_type == QueueType::Classic)
        .map(|q| q.name.as_str())
        .collect();
    assert_eq!(classic, ["events.a"]);
    // Delivery limit and at-least-once exist on quorum queues only.
    assert_eq!(
        arguments(&topology, "events.a"),
        [
            "x-dead-letter-exchange=",
            "x-dead-letter-routing-key=events.dlq",
            "x-overflow=reject-publish",
        ]
    );
}

#[test]
fn no_retry_suspect_or_dead_letter_queue_is_ever_full() {
    let topology = from_file(SERVICE);
    for queue in topology
        .queues
        .iter()
        .filter(|q| !matches!(q.role, Role::Main | Role::Pause))
    {
        assert!(
            !queue
                .arguments
                .keys()
                .any(|key| key.starts_with("x-max-length"))
        );
        assert!(queue.arguments.contains_key("x-delivery-limit"));
    }
}

#[test]
fn dead_letters_are_kept_for_as_long_as_configured() {
    let topology = from_file("[dlq]\nmessage_ttl = \"30d\"");
    assert_eq!(
        arguments(&topology, "events.dlq"),
        ["x-delivery-limit=1000000", "x-message-ttl=2592000000"]
    );
}

#[test]
fn equal_delays_share_a_queue() {
    let topology = from_file("[queues.a]\nretry_delays = [\"5s\", \"5000ms\", \"5s\"]");
    assert_eq!(
        names(&topology),
        [
            "events.dlq",
            "events.a",
            "events.a.suspect",
            "events.a.retry.5s",
            "events.a.pause",
        ]
    );
}

#[test]
fn each_queue_stands_before_those_that_dead_letter_into_it() {
    let topology = from_file(SERVICE);
    let place = |name: &str| names(&topology).iter().position(|n| *n == name);
    for (index, queue) in topology.queues.iter().enumerate() {
        if let Some(Argument::Text(target)) = queue.arguments.get("x-dead-letter-routing-key") {
            assert!(place(target).unwrap() < index, "{}", queue.name);
        }
    }
}

#[test]
fn the_export_is_a_definitions_document() {
    let topology = from_file(SERVICE);
    let document = definitions(&topology, "shop");
    assert_eq!(document["vhosts"][0]["name"], "shop");
    assert_eq!(document["exchanges"][0]["type"], "topic");
    let queues = document["queues"].as_array().unwrap();
    assert_eq!(queues.len(), topology.queues.len());
    assert!(
        queues
            .iter()
            .all(|q| q["durable"] == true && q["vhost"] == "shop")
    );
    assert_eq!(queues[1]["arguments"]["x-queue-type"], "quorum");
    assert_eq!(queues[1]["arguments"]["x-message-ttl"], 1_209_600_000);
    assert_eq!(document["bindings"][0]["destination"], "search.q");
    assert_eq!(document["bindings"][0]["routing_key"], "*.created");
}

#[test]
fn the_picture_shows_the_way_of_an_event() {
    let text = picture(&from_file(SERVICE));
    assert_eq!(
        text,
        "\
exchange app.events (topic)
  *.created ──▶ search.q
  payment.* ──▶ search.q
exchange order_events (topic)
  order.# ──▶ search.q

queue search.q (quorum, messages expire after 14d, up to 8GiB)
  retry   search.q.retry.1s ──after 1s──▶ search.q
  retry   search.q.retry.2s ──after 2s──▶ search.q
  retry   search.q.retry.4s ──after 4s──▶ search.q
  retry   search.q.retry.8s ──after 8s──▶ search.q
  suspect search.q.suspect ──▶ search.dlq
  dead    search.dlq
  pause   search.q.pause
"
    );
}
