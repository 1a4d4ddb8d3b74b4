//! Names at the broker: legal, unique, and pointing at something that exists.

use std::collections::{BTreeMap, BTreeSet};

use super::super::form::did_you_mean;
use super::super::load::{Report, quoted_key};
use super::super::raw::quoted;
use super::super::{Config, ExchangeKind, QueueConfig};
use super::queue_key;
use crate::topology::names;

/// AMQP short strings hold 255 bytes.
const LONGEST_NAME: usize = 255;

pub(super) fn check(config: &Config, report: &mut Report) {
    exchanges(config, report);
    for (key, queue) in &config.queues {
        queue_names(key, queue, report);
        bindings(key, queue, config, report);
    }
    collisions(config, report);
    dead_letters(config, report);
    follow_ups(config, report);
}

fn exchanges(config: &Config, report: &mut Report) {
    if config.exchanges.is_empty() {
        let rule = "must hold at least one exchange";
        report.relate(
            &["exchanges"],
            "[]",
            rule,
            "leave it out for the default, events",
        );
    }
    let mut seen = BTreeSet::new();
    for (index, exchange) in config.exchanges.iter().enumerate() {
        let key = format!("exchanges[{index}].name");
        legal(&key, &exchange.name, &exchange.name, report);
        if !seen.insert(&exchange.name) {
            let rule = "must be the name of one exchange only";
            report.relate(
                &[&key],
                quoted(&exchange.name),
                rule,
                "remove one of the two",
            );
        }
    }
}

/// `longest` is the longest name made from this one.
fn legal(key: &str, name: &str, longest: &str, report: &mut Report) {
    if name.starts_with("amq.") {
        let rule = "must not start with amq., which the broker keeps for itself";
        report.relate(&[key], quoted(name), rule, "choose another name");
    }
    if longest.len() > LONGEST_NAME {
        report.relate(
            &[key],
            quoted(name),
            format!("must be at most {LONGEST_NAME} bytes long with what is appended for retry and suspect queues"),
            format!("shorten it by {} bytes", longest.len() - LONGEST_NAME),
        );
    }
}

/// Every name a queue brings along, itself first.
fn names_of(queue: &QueueConfig) -> Vec<String> {
    let retries: BTreeSet<_> = queue
        .retry_delays
        .iter()
        .filter(|delay| !delay.is_zero())
        .map(|delay| names::retry(&queue.name, *delay))
        .collect();
    let beside = [names::suspect(&queue.name), names::pause(&queue.name)];
    [queue.name.clone()]
        .into_iter()
        .chain(beside)
        .chain(retries)
        .collect()
}

fn queue_names(key: &str, queue: &QueueConfig, report: &mut Report) {
    let plain = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if !plain {
        report.relate(
            &[&format!("queues.{}", quoted_key(key))],
            quoted(key),
            "must be a key of letters, digits, '.', '_' and '-'",
            "the broker's name for the queue is its name setting",
        );
    }
    let longest = names_of(queue).into_iter().max_by_key(String::len);
    let name_key = queue_key(key, "name");
    legal(
        &name_key,
        &queue.name,
        longest.as_deref().unwrap_or(""),
        report,
    );
    legal(
        &queue_key(key, "dead_letter"),
        &queue.dead_letter,
        &queue.dead_letter,
        report,
    );
}

fn bindings(key: &str, queue: &QueueConfig, config: &Config, report: &mut Report) {
    let known: Vec<&str> = config.exchanges.iter().map(|e| e.name.as_str()).collect();
    for (index, binding) in queue.bindings.iter().enumerate() {
        let at = queue_key(key, &format!("bindings[{index}]"));
        let exchange = config.exchanges.iter().find(|e| e.name == binding.exchange);
        if exchange.is_none() {
            unknown_exchange(&format!("{at}.exchange"), &binding.exchange, &known, report);
        }
        let keys = format!("{at}.keys");
        if binding.keys.is_empty() {
            let rule = "must hold at least one routing key or pattern";
            report.relate(&[&keys], "[]", rule, "\"#\" matches everything");
        }
        let topic = exchange.is_some_and(|e| e.kind == ExchangeKind::Topic);
        for pattern in &binding.keys {
            if topic {
                topic_pattern(&keys, pattern, report);
            }
            if pattern.len() > LONGEST_NAME {
                let rule = format!("must be at most {LONGEST_NAME} bytes long");
                report.relate(&[&keys], quoted(pattern), rule, "shorten it");
            }
        }
    }
}

fn unknown_exchange(key: &str, name: &str, known: &[&str], report: &mut Report) {
    let hint = did_you_mean(name, known).unwrap_or_else(|| {
        format!(
            "add it under [[exchanges]]; configured: {}",
            known.join(", ")
        )
    });
    report.relate(
        &[key, "exchanges"],
        quoted(name),
        "must be a configured exchange",
        hint,
    );
}

/// The broker takes `order*` literally: such a binding would never match.
fn topic_pattern(key: &str, pattern: &str, report: &mut Report) {
    let bad = pattern
        .split('.')
        .any(|word| word.is_empty() || (word.len() > 1 && word.contains(['*', '#'])));
    if bad {
        report.relate(
            &[key],
            quoted(pattern),
            "must be a topic pattern: words separated by dots, * for one word, # for any number",
            "* and # stand alone between dots, as in *.created or payment.#",
        );
    }
}

fn collisions(config: &Config, report: &mut Report) {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for (key, queue) in &config.queues {
        for name in names_of(queue) {
            if let Some(other) = owners.insert(name.clone(), key) {
                report.relate(
                    &[&queue_key(key, "name"), &queue_key(other, "name")],
                    quoted(&queue.name),
                    format!(
                        "must not share the queue {name} with queues.{}",
                        quoted_key(other)
                    ),
                    "give one of the two another name",
                );
            }
        }
    }
}

fn dead_letters(config: &Config, report: &mut Report) {
    for (key, queue) in &config.queues {
        let owner = config
            .queues
            .iter()
            .find(|(_, other)| names_of(other).contains(&queue.dead_letter));
        if let Some((owner, _)) = owner {
            let owner = quoted_key(owner);
            report.relate(
                &[&queue_key(key, "dead_letter"), &queue_key(&owner, "name")],
                quoted(&queue.dead_letter),
                format!(
                    "must not be a main, retry, suspect or pause queue; this one belongs to queues.{owner}"
                ),
                "name a queue of its own, for example events.dlq",
            );
        }
    }
}

fn follow_ups(config: &Config, report: &mut Report) {
    let known: Vec<&str> = config.exchanges.iter().map(|e| e.name.as_str()).collect();
    for (kind, route) in &config.follow_ups {
        if !known.contains(&route.exchange.as_str()) {
            let key = format!("follow_ups.{}.exchange", quoted_key(kind));
            unknown_exchange(&key, &route.exchange, &known, report);
        }
    }
    if let Some(exchange) = config.gateway.exchange.as_deref()
        && !known.contains(&exchange)
    {
        unknown_exchange("gateway.exchange", exchange, &known, report);
    }
}
