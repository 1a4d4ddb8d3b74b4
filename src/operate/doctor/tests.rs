//! Judgements over made-up answers of a broker.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::case::{Case, Notes};
use super::facts::{BrokerFacts, FoundQueue, Management, ManagementFacts, Reached};
use super::*;
use crate::broker::BrokerError;
use crate::topology::{Argument, Topology};

const KINDS: Kinds = &[&["product.viewed", "view"], &["user.deleted"]];

/// A queue of the topology as RabbitMQ would list it.
fn listed(queue: &crate::topology::Queue) -> FoundQueue {
    let mut arguments = json!({"x-queue-type": queue.queue_type.as_str()});
    for (name, argument) in &queue.arguments {
        arguments[*name] = match argument {
            Argument::Text(text) => json!(text),
            Argument::Int(number) => json!(number),
        };
    }
    FoundQueue {
        name: queue.name.clone(),
        kind: queue.queue_type.as_str().to_owned(),
        durable: true,
        arguments,
        messages: Some(0),
        message_bytes: Some(0),
        consumers: Some(0),
        members: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
        online: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
        ..FoundQueue::default()
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, String> {
    Ok(serde_json::from_value(value).unwrap())
}

/// A broker without any fault.
pub(super) fn healthy(config: &Config) -> ManagementFacts {
    let topology = Topology::from_config(config);
    let mut queues: Vec<_> = topology.queues.iter().map(listed).collect();
    for queue in &mut queues {
        let main = config.queues.values().any(|main| main.name == queue.name);
        queue.consumers = Some(u64::from(main));
    }
    let exchanges = topology.exchanges.iter().map(
        |e| json!({"name": e.name, "type": e.kind.as_str(), "durable": true, "auto_delete": false}),
    );
    let bindings = topology.bindings.iter().map(|b| {
        json!({"source": b.exchange, "destination": b.queue, "destination_type": "queue",
               "routing_key": b.key})
    });
    let node = |name: &str| json!({"name": name, "running": true});
    ManagementFacts {
        overview: read(json!({"rabbitmq_version": "4.0.5"})),
        clock: Some(1),
        nodes: read(json!([node("a"), node("b"), node("c")])),
        flags: read(json!([{"name": "quorum_queue", "state": "enabled", "stability": "required"}])),
        queues: Ok(queues),
        exchanges: read(exchanges.collect()),
        bindings: read(bindings.collect()),
        consumers: read(json!([])),
        connections: read(json!([])),
        user: read(json!({"name": "app", "tags": []})),
        permission: read(json!({"user": "app", "configure": ".*", "write": ".*", "read": ".*"})),
        ..ManagementFacts::default()
    }
}

fn judged(config: &Config, urls: Vec<Reached>, management: Management) -> Notes {
    let broker = BrokerFacts {
        urls,
        amqp: None,
        management,
    };
    let kinds = BTreeMap::from([("neo4j".to_owned(), KINDS)]);
    let mut notes = Notes::default();
    judge(&Case::new(config, &kinds, &broker), &mut notes);
    notes
}

/// What is found.
pub(super) fn findings(config: &Config, facts: ManagementFacts) -> Vec<Finding> {
    judged(config, Vec::new(), Management::Asked(Box::new(facts))).findings
}

/// Ids of what is found, each once.
pub(super) fn ids(config: &Config, facts: ManagementFacts) -> BTreeSet<&'static str> {
    let found = findings(config, facts).into_iter();
    found.map(|finding| finding.check).collect()
}

#[test]
fn a_healthy_broker_has_no_findings() {
    let config = Config::default();
    let facts = Management::Asked(Box::new(healthy(&config)));
    let notes = judged(&config, Vec::new(), facts);
    assert_eq!(notes.findings, []);
    let gaps: Vec<_> = notes.gaps.iter().map(|gap| &gap.what).collect();
    assert!(
        matches!(&gaps[..], [one] if one.contains("consumer timeout")),
        "{gaps:?}"
    );
}

#[test]
fn what_could_not_be_asked_is_told() {
    let config = Config::default();
    let notes = judged(&config, Vec::new(), Management::Asked(Box::default()));
    assert_eq!(notes.findings, []);
    let told: BTreeSet<_> = notes.gaps.iter().map(|gap| gap.area).collect();
    let all = Area::ALL.into_iter().filter(|area| area.needs_broker());
    assert_eq!(told, all.collect());
    let notes = judged(&config, Vec::new(), Management::NotConfigured);
    assert!(notes.gaps[0].mend.contains("RABBITMQ_MANAGEMENT_URL"));
}

#[test]
fn one_address_of_two_that_is_away_is_a_warning_and_all_of_them_an_error() {
    let url = |problem: Option<BrokerError>| Reached {
        url: "amqp://x".to_owned(),
        problem,
    };
    let away = || Some(BrokerError::NotConnected("refused".to_owned()));
    let worst = |urls| {
        let notes = judged(&Config::default(), urls, Management::NotConfigured);
        let mut found = notes.findings.into_iter();
        found
            .find(|f| f.check == "broker-unreachable")
            .map(|f| f.severity)
    };
    assert_eq!(worst(vec![url(None), url(away())]), Some(Severity::Warning));
    assert_eq!(worst(vec![url(away()), url(away())]), Some(Severity::Error));
    assert_eq!(worst(vec![url(None)]), None);
}

#[test]
fn versions_are_judged_by_what_they_lack() {
    let config = Config::default();
    for (version, severity) in [
        ("3.9.29", Some(Severity::Error)),
        ("3.10.8", Some(Severity::Warning)),
        ("3.13.7", Some(Severity::Notice)),
        ("4.0.5", None),
        ("4.3.0-rc.1", None),
    ] {
        let mut facts = healthy(&config);
        facts.overview = read(json!({"rabbitmq_version": version}));
        let notes = judged(&config, Vec::new(), Management::Asked(Box::new(facts)));
        assert_eq!(
            notes.findings.first().map(|f| f.severity),
            severity,
            "{version}"
        );
    }
}

#[test]
fn nodes_alarms_flags_and_clock_are_looked_at() {
    let config = Config::default();
    let mut facts = healthy(&config);
    facts.clock = Some(-60);
    facts.nodes = read(json!([
        {"name": "a", "running": false}, {"name": "b", "running": true, "mem_alarm": true},
        {"name": "c", "running": true, "disk_free_alarm": true},
    ]));
    facts.flags = read(json!([
        {"name": "stream_queue", "state": "disabled", "stability": "stable"},
        {"name": "message_containers", "state": "disabled", "stability": "stable"},
        {"name": "khepri_db", "state": "disabled", "stability": "experimental"},
    ]));
    facts.connections = read(json!([{"name": "c", "user": "u", "state": "blocked"}]));
    if let Ok(queues) = &mut facts.queues {
        queues[0].online.truncate(1);
        queues[1].members.truncate(1);
        queues[1].online.truncate(1);
    }
    let expected = [
        "broker-clock-skew",
        "broker-node-down",
        "connection-blocked",
        "disk-alarm",
        "feature-flag-disabled",
        "feature-flags-pending",
        "memory-alarm",
        "quorum-member-offline",
        "quorum-without-replicas",
    ];
    assert_eq!(ids(&config, facts), BTreeSet::from(expected));
    let mut facts = healthy(&config);
    facts.nodes = read(json!([{"name": "a", "running": true}]));
    assert_eq!(ids(&config, facts), BTreeSet::from(["single-node-quorum"]));
}

#[test]
fn every_check_has_one_id_in_kebab_case() {
    let all = checks();
    let ids: BTreeSet<_> = all.iter().map(|check| check.id).collect();
    assert_eq!(ids.len(), all.len());
    for check in all {
        let plain = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(check.id.chars().all(plain), "{}", check.id);
        assert!(!check.why.ends_with('.'), "{}", check.id);
    }
}
