//! Queues that are made otherwise, one fault at a time.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::facts::FoundQueue;
use super::super::tests::{findings, healthy, ids};
use super::super::{Fix, Severity};
use crate::config::Config;

const MAIN: &str = "events.neo4j";
const RETRY: &str = "events.neo4j.retry.5s";
const DLQ: &str = "events.dlq";

/// Ids found where this queue was changed.
fn with(name: &str, change: impl FnOnce(&mut FoundQueue)) -> BTreeSet<&'static str> {
    let config = Config::default();
    let mut facts = healthy(&config);
    let queues = facts.queues.as_mut().unwrap();
    change(queues.iter_mut().find(|queue| queue.name == name).unwrap());
    ids(&config, facts)
}

/// The same with an argument changed; null removes it.
fn argument(queue: &str, key: &str, value: Value) -> BTreeSet<&'static str> {
    with(queue, |queue| {
        let arguments = queue.arguments.as_object_mut().unwrap();
        arguments.remove(key);
        if !value.is_null() {
            arguments.insert(key.to_owned(), value);
        }
    })
}

fn policy(queue: &str, definition: Value) -> BTreeSet<&'static str> {
    with(queue, |queue| {
        queue.policy = Some("p".to_owned());
        queue.effective_policy_definition = definition;
    })
}

#[test]
fn a_queue_of_another_make_is_found() {
    assert!(with(MAIN, |q| q.durable = false).contains("queue-not-durable"));
    assert!(with(MAIN, |q| q.auto_delete = true).contains("queue-auto-delete"));
    assert!(with(MAIN, |q| q.exclusive = true).contains("queue-exclusive"));
    assert!(with(MAIN, |q| q.kind = "classic".to_owned()).contains("queue-type-differs"));
}

#[test]
fn a_queue_that_is_missing_is_found_with_who_needs_it() {
    let config = Config::default();
    let mut facts = healthy(&config);
    facts
        .queues
        .as_mut()
        .unwrap()
        .retain(|queue| queue.name != DLQ);
    assert_eq!(
        ids(&config, facts),
        BTreeSet::from(["queue-missing", "dead-letter-target-missing"])
    );
}

#[test]
fn an_argument_that_differs_has_its_consequence_beside_it() {
    for (queue, key, value, expected) in [
        (
            MAIN,
            "x-delivery-limit",
            json!(null),
            "delivery-limit-missing",
        ),
        (MAIN, "x-delivery-limit", json!(5), "delivery-limit-low"),
        (
            DLQ,
            "x-delivery-limit",
            json!(-1),
            "delivery-limit-negative",
        ),
        (MAIN, "x-overflow", json!("drop-head"), "overflow-drops"),
        (MAIN, "x-overflow", json!(null), "dead-letter-at-most-once"),
        (
            MAIN,
            "x-dead-letter-strategy",
            json!(null),
            "dead-letter-at-most-once",
        ),
        (
            MAIN,
            "x-dead-letter-exchange",
            json!(null),
            "dead-letter-route-missing",
        ),
        (
            MAIN,
            "x-dead-letter-routing-key",
            json!("x"),
            "dead-letter-target-missing",
        ),
        (
            RETRY,
            "x-dead-letter-routing-key",
            json!(DLQ),
            "dead-letter-route-differs",
        ),
        (
            RETRY,
            "x-dead-letter-exchange",
            json!("dlx"),
            "dead-letter-target-missing",
        ),
        (RETRY, "x-message-ttl", json!(7), "retry-ttl-differs"),
        (RETRY, "x-message-ttl", json!(null), "retry-ttl-differs"),
        (RETRY, "x-max-length", json!(7), "side-queue-limited"),
        (MAIN, "x-message-ttl", json!(7), "messages-expire-early"),
        (DLQ, "x-message-ttl", json!(7), "dead-letters-expire"),
        (MAIN, "x-expires", json!(7), "queue-expires"),
        (
            MAIN,
            "x-consumer-timeout",
            json!(7),
            "consumer-timeout-short",
        ),
        (MAIN, "x-consumer-timeout", json!(0), "consumer-timeout-off"),
    ] {
        let found = argument(queue, key, value);
        assert!(found.contains(expected), "{queue} {key}: {found:?}");
        // A broker compares no argument that it does not know at a declaration.
        let compared = key != "x-consumer-timeout";
        assert_eq!(
            found.contains("queue-arguments-differ"),
            compared,
            "{queue} {key}: {found:?}"
        );
    }
}

#[test]
fn a_policy_counts_where_it_is_lower_or_alone_and_is_told_where_it_does_not() {
    for (queue, definition, expected) in [
        (
            MAIN,
            json!({"message-ttl": 5}),
            &["messages-expire-early", "policy-overrides"][..],
        ),
        (
            MAIN,
            json!({"delivery-limit": 5}),
            &["delivery-limit-low", "policy-overrides"],
        ),
        (MAIN, json!({"max-length": 5}), &["policy-overrides"]),
        (
            DLQ,
            json!({"max-length": 5}),
            &["overflow-drops", "policy-overrides", "side-queue-limited"],
        ),
        (
            MAIN,
            json!({"expires": 5}),
            &["policy-overrides", "queue-expires"],
        ),
        (
            DLQ,
            json!({"dead-letter-exchange": "x"}),
            &["policy-overrides"],
        ),
        (
            MAIN,
            json!({"dead-letter-exchange": "x"}),
            &["policy-ignored"],
        ),
        (MAIN, json!({"queue-mode": "lazy"}), &["policy-ignored"]),
        (MAIN, json!({"message-ttl": 99_999_999_999_i64}), &[]),
        (MAIN, json!({"overflow": "reject-publish"}), &[]),
        (
            MAIN,
            json!({"consumer-timeout": 60_000}),
            &["consumer-timeout-short"],
        ),
        (MAIN, json!([]), &[]),
    ] {
        let shown = definition.to_string();
        let found = policy(queue, definition);
        assert_eq!(found, expected.iter().copied().collect(), "{queue} {shown}");
    }
}

#[test]
fn retry_queues_of_an_earlier_plan_are_found_and_deleted_only_when_empty() {
    let config = Config::default();
    let mut facts = healthy(&config);
    let old = |messages| FoundQueue {
        name: format!("{MAIN}.retry.{}s", 100 + messages),
        messages: Some(messages),
        consumers: Some(0),
        ..FoundQueue::default()
    };
    let queues = facts.queues.as_mut().unwrap();
    queues.extend([old(0), old(1)]);
    let found = findings(&config, facts).into_iter();
    let found: Vec<_> = found.map(|f| (f.check, f.severity, f.fix)).collect();
    let check = "retry-queue-abandoned";
    let delete = Fix::DeleteEmptyQueue(old(0).name);
    assert_eq!(
        found,
        [
            (check, Severity::Notice, Some(delete)),
            (check, Severity::Warning, None),
        ]
    );
}
