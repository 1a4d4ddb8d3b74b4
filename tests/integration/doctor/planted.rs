//! A table of faults, each planted in a vhost of its own, and the check that has to find it.

use std::time::Duration;

use fanout::broker::Broker;
use fanout::broker::amqp::AmqpBroker;
use fanout::topology::Topology;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::rig::{ONE_QUEUE, Rig};
use crate::support::eventually;
use crate::support::rabbitmq::RabbitMq;

/// The broker's statistics are gathered every five seconds.
const SOON: Duration = Duration::from_secs(60);

const MAIN: &str = "events.neo4j";
const RETRY: &str = "events.neo4j.retry.5s";
const DLQ: &str = "events.dlq";

/// What is done to a vhost.
enum Plant {
    /// An entry of the definitions is left out: section, name.
    Without(&'static str, &'static str),
    /// A key of an entry is set: section, name, key, value.
    Set(&'static str, &'static str, &'static str, Value),
    /// An argument of a queue is set; null removes it.
    Argument(&'static str, &'static str, Value),
    /// An entry is added to a section.
    Extra(&'static str, Value),
    /// A policy, or an operator policy, for a queue.
    Policy(&'static str, &'static str, Value),
    /// A message is published to a queue with these properties.
    Message(&'static str, Value),
}
use Plant::{Argument, Extra, Message, Policy, Set, Without};

struct Case(&'static str, &'static str, Vec<Plant>);

fn queue(name: &str) -> Value {
    json!({"name": name, "durable": true, "auto_delete": false,
           "arguments": {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}})
}

fn binding(source: &str, destination: &str) -> Value {
    json!({"source": source, "destination": destination, "destination_type": "queue",
           "routing_key": "#", "arguments": {}})
}

/// Exchanges and queues that are missing or of another make.
fn made_otherwise() -> Vec<Case> {
    let classic = |key, value| {
        let arguments = json!({"x-queue-type": "classic"});
        let kind = Set("queues", MAIN, "arguments", arguments);
        vec![kind, Set("queues", MAIN, key, value)]
    };
    let exchange = |key, value| vec![Set("exchanges", "events", key, value)];
    let unbound = vec![Without("exchanges", "events"), Without("bindings", MAIN)];
    vec![
        Case("exchange-missing", "events", unbound),
        Case(
            "exchange-type-differs",
            "events",
            exchange("type", json!("topic")),
        ),
        Case(
            "exchange-not-durable",
            "events",
            exchange("durable", json!(false)),
        ),
        Case(
            "exchange-internal",
            "events",
            exchange("internal", json!(true)),
        ),
        Case("queue-missing", RETRY, vec![Without("queues", RETRY)]),
        Case("queue-type-differs", MAIN, classic("durable", json!(true))),
        Case("queue-not-durable", MAIN, classic("durable", json!(false))),
        Case(
            "queue-auto-delete",
            MAIN,
            classic("auto_delete", json!(true)),
        ),
        Case(
            "dead-letter-target-missing",
            MAIN,
            vec![Without("queues", DLQ)],
        ),
    ]
}

/// Arguments of queues, one at a time; null = it is missing.
fn arguments() -> Vec<Case> {
    let (none, minute) = (json!(null), json!(60_000));
    let one_each = [
        (
            "queue-arguments-differ",
            MAIN,
            "x-max-length-bytes",
            json!(5000),
        ),
        (
            "delivery-limit-missing",
            MAIN,
            "x-delivery-limit",
            none.clone(),
        ),
        ("delivery-limit-low", DLQ, "x-delivery-limit", json!(20)),
        (
            "delivery-limit-negative",
            MAIN,
            "x-delivery-limit",
            json!(-1),
        ),
        ("overflow-drops", MAIN, "x-overflow", json!("drop-head")),
        ("side-queue-limited", DLQ, "x-max-length", json!(1000)),
        ("retry-ttl-differs", RETRY, "x-message-ttl", minute.clone()),
        (
            "messages-expire-early",
            MAIN,
            "x-message-ttl",
            minute.clone(),
        ),
        ("dead-letters-expire", DLQ, "x-message-ttl", minute.clone()),
        ("queue-expires", DLQ, "x-expires", minute),
        (
            "dead-letter-route-differs",
            RETRY,
            "x-dead-letter-routing-key",
            json!(DLQ),
        ),
        (
            "dead-letter-at-most-once",
            MAIN,
            "x-dead-letter-strategy",
            none.clone(),
        ),
    ];
    let cases = one_each
        .into_iter()
        .map(|(check, queue, key, value)| Case(check, queue, vec![Argument(queue, key, value)]));
    let keys = [
        "x-dead-letter-exchange",
        "x-dead-letter-routing-key",
        "x-dead-letter-strategy",
    ];
    let route = keys.map(|key| Argument(RETRY, key, none.clone())).into();
    cases
        .chain([Case("dead-letter-route-missing", RETRY, route)])
        .collect()
}

/// Policies, bindings and what waits.
fn around() -> Vec<Case> {
    let old = json!({"delivery_mode": 2, "headers": {
        "fanout-first-failed-at": "2020-01-01T00:00:00Z", "fanout-reason": "payload-invalid",
    }});
    let unbound = "events.neo4j.suspect";
    vec![
        Case(
            "policy-overrides",
            MAIN,
            vec![Policy("policies", MAIN, json!({"message-ttl": 60_000}))],
        ),
        Case(
            "policy-overrides",
            RETRY,
            vec![Policy("operator-policies", RETRY, json!({"max-length": 9}))],
        ),
        Case(
            "policy-ignored",
            MAIN,
            vec![Policy("policies", MAIN, json!({"overflow": "drop-head"}))],
        ),
        Case(
            "consumer-timeout-short",
            MAIN,
            vec![Policy(
                "policies",
                MAIN,
                json!({"consumer-timeout": 60_000}),
            )],
        ),
        Case(
            "retry-queue-abandoned",
            "events.neo4j.retry.7s",
            vec![Extra("queues", queue("events.neo4j.retry.7s"))],
        ),
        Case("binding-missing", MAIN, vec![Without("bindings", MAIN)]),
        Case(
            "binding-extra",
            unbound,
            vec![Extra("bindings", binding("events", unbound))],
        ),
        Case(
            "queue-fills-unseen",
            "left-over",
            vec![
                Extra("queues", queue("left-over")),
                Extra("bindings", binding("events", "left-over")),
            ],
        ),
        Case(
            "no-consumer",
            MAIN,
            vec![Message(MAIN, json!({"delivery_mode": 2}))],
        ),
        Case(
            "dead-letters-wait",
            DLQ,
            vec![Message(DLQ, json!({"delivery_mode": 2}))],
        ),
        Case("dead-letters-old", DLQ, vec![Message(DLQ, old)]),
        Case(
            "queue-head-old",
            MAIN,
            vec![Message(
                MAIN,
                json!({"delivery_mode": 2, "timestamp": 1_600_000_000}),
            )],
        ),
    ]
}

fn entry<'a>(document: &'a mut Value, section: &str, name: &str) -> &'a mut Value {
    let entries = document[section].as_array_mut().unwrap();
    entries
        .iter_mut()
        .find(|entry| entry["name"] == name)
        .unwrap()
}

fn tamper(document: &mut Value, plants: &[Plant]) {
    for plant in plants {
        match plant {
            Without(section, name) => {
                let entries = document[section].as_array_mut().unwrap();
                entries.retain(|entry| entry["name"] != *name && entry["destination"] != *name);
            }
            Set(section, name, key, value) => {
                entry(document, section, name)[key] = value.clone();
            }
            Argument(queue, key, value) => {
                let arguments = &mut entry(document, "queues", queue)["arguments"];
                let arguments = arguments.as_object_mut().unwrap();
                arguments.remove(*key);
                if !value.is_null() {
                    arguments.insert((*key).to_owned(), value.clone());
                }
            }
            Extra(section, value) => {
                let entries = document[section].as_array_mut().unwrap();
                entries.push(value.clone());
            }
            Policy(..) | Message(..) => {}
        }
    }
}

async fn afterwards(rig: &Rig, plants: &[Plant]) {
    for plant in plants {
        match plant {
            Policy(kind, queue, definition) => {
                let body = json!({"pattern": format!("^{queue}$"), "definition": definition,
                                  "apply-to": "queues"});
                let path = rig.vhost.path(kind, "planted");
                rig.vhost.management().put(&path, &body).await;
            }
            Message(queue, properties) => {
                rig.vhost.publish_raw(queue, properties.clone(), "{}").await;
            }
            _ => {}
        }
    }
}

async fn is_found(Case(check, subject, plants): Case) {
    let rig = Rig::with(check, ONE_QUEUE, |document| tamper(document, &plants)).await;
    afterwards(&rig, &plants).await;
    let found = eventually(check, SOON, async || rig.find(check, subject).await).await;
    assert!(!found.why.is_empty() && !found.mend.is_empty(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn each_planted_misconfiguration_is_found_by_its_check() {
    let cases: Vec<_> = [made_otherwise(), arguments(), around()]
        .into_iter()
        .flatten()
        .collect();
    assert!(cases.len() >= 30, "{}", cases.len());
    stream::iter(cases).for_each_concurrent(8, is_found).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn alarms_of_a_node_are_found() {
    let conf = "vm_memory_high_watermark.absolute = 10MB\ndisk_free_limit.absolute = 900TB";
    let rabbitmq = RabbitMq::own(conf).await;
    let rig = Rig::at(&rabbitmq, "alarms", ONE_QUEUE).await;
    for check in ["memory-alarm", "disk-alarm"] {
        let raised = async || rig.of(check).await;
        assert!(
            eventually(check, SOON, raised)
                .await
                .subject
                .starts_with("rabbit@")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_consumer_on_a_retry_queue_is_found() {
    let rig = Rig::with("consumed", ONE_QUEUE, |_| {}).await;
    let broker = AmqpBroker::start(rig.vhost.config(), Topology::default());
    let consumer = broker.consume(RETRY, 1).await.unwrap();
    assert!(rig.find("retry-queue-consumed", RETRY).await.is_some());
    consumer.channel.close().await.unwrap();
    broker.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn patterns_that_match_no_kind_are_found() {
    let text = format!(
        "[[exchanges]]\nname = \"events\"\nkind = \"topic\"\n{ONE_QUEUE}\
         [[queues.neo4j.bindings]]\nexchange = \"events\"\nkeys = [\"user.*\", \"prodcut.*\"]\n"
    );
    let rig = Rig::with("kinds", &text, |_| {}).await;
    assert!(rig.find("binding-matches-no-kind", MAIN).await.is_some());
    assert!(rig.find("kind-not-bound", MAIN).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_user_who_may_too_little_or_is_an_administrator_is_found() {
    let mut rig = Rig::with("user", ONE_QUEUE, |_| {}).await;
    assert!(rig.find("user-administrator", "guest").await.is_some());
    let user = rig.add_user("^events\\.neo4j$", "^events", ".*").await;
    let found = rig.find("permission-missing", &user).await.unwrap();
    assert!(found.what.contains("events.dlq"), "{found:?}");
    let report = rig.examine().await;
    let missing = report
        .findings
        .iter()
        .filter(|f| f.check == "permission-missing");
    // configure: all but the main queue; write: the default exchange.
    assert_eq!(missing.count(), 2);
}
