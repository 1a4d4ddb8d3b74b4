//! Policies of the broker that say something else than the configuration.

use serde_json::Value;
use std::time::Duration;

use super::super::case::{Case, Notes};
use super::super::facts::{FoundQueue, Source};
use super::super::finding::{Area, checks};
use crate::config::show_time;
use crate::topology::{Argument, Queue, Role};

checks! { Queues:
    OVERRIDES = "policy-overrides", Warning,
        "somebody has set it for all queues that match, and it counts more than the configuration";
    IGNORED = "policy-ignored", Notice,
        "the policy looks as if it did something for this queue, and does not";
    CONSUMER_TIMEOUT = "consumer-timeout-short", Error,
        "a worker that holds an event for longer loses its channel and everything it holds: the broker cancels it";
    CONSUMER_TIMEOUT_OFF = "consumer-timeout-off", Notice,
        "a consumer that hangs keeps its events for ever, and nobody is told";
}

/// Of two numbers the lower one counts.
const NUMBERS: [&str; 5] = [
    "message-ttl",
    "max-length",
    "max-length-bytes",
    "delivery-limit",
    "expires",
];
/// Of two texts the argument counts.
const TEXTS: [&str; 4] = [
    "dead-letter-exchange",
    "dead-letter-routing-key",
    "dead-letter-strategy",
    "overflow",
];
/// Without effect on the queues of today's brokers.
const OBSOLETE: [&str; 1] = ["queue-mode"];
/// Beyond it the timeout is as good as off; RabbitMQ's own default is half an hour.
const AS_GOOD_AS_OFF: Duration = Duration::from_secs(24 * 60 * 60);

const REMEDY: &str = "let the policy not match this queue, or remove the key from it: \
                      rabbitmqctl list_policies, rabbitmqctl list_operator_policies";

pub(super) fn check(case: &Case<'_>, expected: &Queue, found: &FoundQueue, notes: &mut Notes) {
    let mut overriding = Vec::new();
    let mut ignored = Vec::new();
    for key in NUMBERS {
        if let Some((value, Source::Policy)) = found.number(key)
            && expected_value(expected, key) != Some(Argument::Int(value))
        {
            overriding.push(format!("{key} = {value}"));
        }
    }
    for key in TEXTS {
        let Some(policy) = found.policy_value(key).and_then(Value::as_str) else {
            continue;
        };
        let wanted = Some(Argument::Text(policy.to_owned()));
        match found.text(key) {
            Some((_, Source::Policy)) if expected_value(expected, key) != wanted => {
                overriding.push(format!("{key} = {policy}"));
            }
            Some((text, Source::Argument)) if text != policy => {
                ignored.push(format!("{key} = {policy}"));
            }
            _ => {}
        }
    }
    let obsolete = OBSOLETE
        .iter()
        .filter(|key| found.policy_value(key).is_some());
    ignored.extend(obsolete.map(|key| (*key).to_owned()));
    let policies = found.policies();
    if !overriding.is_empty() {
        let what = format!("{policies} sets {}", overriding.join(", "));
        notes.add(OVERRIDES.found(&found.name, what, REMEDY));
    }
    if !ignored.is_empty() {
        let what = format!("{policies} has no effect with {}", ignored.join(", "));
        notes.add(IGNORED.found(&found.name, what, REMEDY));
    }
    if matches!(expected.role, Role::Main | Role::Suspect) {
        consumer_timeout(case, found, notes);
    }
}

fn expected_value(expected: &Queue, key: &str) -> Option<Argument> {
    expected.arguments.get(format!("x-{key}").as_str()).cloned()
}

/// The timeout of this queue.
fn consumer_timeout(case: &Case<'_>, found: &FoundQueue, notes: &mut Notes) {
    let Some((millis, source)) = found.number("consumer-timeout") else {
        notes.gap(
            Area::Consumers,
            "the consumer timeout of the whole broker: no API tells what stands in rabbitmq.conf",
            "compare worker.consumer_timeout with consumer_timeout in `rabbitmqctl environment`",
        );
        return;
    };
    let timeout = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    let ours = case.config.worker.consumer_timeout;
    let by = super::limits::by(found, source);
    if millis > 0 && timeout < ours {
        notes.add(CONSUMER_TIMEOUT.found(
            &found.name,
            format!(
                "the broker's consumer timeout is {}{by}, worker.consumer_timeout is {}",
                show_time(timeout),
                show_time(ours)
            ),
            "set worker.consumer_timeout to what the broker has, or raise it there",
        ));
    } else if millis <= 0 || timeout > AS_GOOD_AS_OFF {
        notes.add(CONSUMER_TIMEOUT_OFF.found(
            &found.name,
            format!(
                "the broker's consumer timeout is {}{by}",
                show_time(timeout)
            ),
            "leave RabbitMQ's default of 30 min: workers need far less",
        ));
    }
}
