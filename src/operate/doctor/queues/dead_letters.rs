//! Where what expires or is refused goes, and whether it surely arrives.

use super::super::case::{Case, Notes};
use super::super::facts::{FoundQueue, ManagementFacts};
use super::super::finding::checks;
use super::REPLACE;
use crate::topology::{Argument, Queue, Role, pattern};

checks! { Queues:
    MISSING = "dead-letter-route-missing", Error,
        "what expires there is lost: for a retry queue that is every event in it";
    DIFFERS = "dead-letter-route-differs", Error,
        "what expires there goes somewhere else than configured; a retry would not come back to its queue";
    TARGET = "dead-letter-target-missing", Error,
        "what expires there has nowhere to go: it is lost, or stays in the queue for ever";
    AT_MOST_ONCE = "dead-letter-at-most-once", Warning,
        "strategy at-least-once, overflow reject-publish and a route work together only: without one of them the broker silently dead-letters at most once, so that a crash loses events";
}

pub(super) fn check(case: &Case<'_>, expected: &Queue, found: &FoundQueue, notes: &mut Notes) {
    if matches!(expected.role, Role::DeadLetter | Role::Pause) {
        return;
    }
    let text = |key: &str| match expected.arguments.get(key) {
        Some(Argument::Text(text)) => text.as_str(),
        _ => "",
    };
    let wanted = (
        text("x-dead-letter-exchange"),
        text("x-dead-letter-routing-key"),
    );
    let Some((exchange, key)) = found.dead_letter_route() else {
        notes.add(MISSING.found(
            &found.name,
            format!(
                "the queue has no dead-letter route, configured is {}",
                show(wanted)
            ),
            REPLACE,
        ));
        return;
    };
    let route = (exchange, key.unwrap_or_default());
    if route != wanted {
        notes.add(DIFFERS.found(
            &found.name,
            format!(
                "it dead-letters to {}, configured is {}",
                show(route),
                show(wanted)
            ),
            REPLACE,
        ));
    }
    if let Some(facts) = case.management()
        && let Some(what) = without_target(facts, exchange, key)
    {
        notes.add(TARGET.found(
            &found.name,
            what,
            "create what is missing: `fanout topology apply` where it is one of ours",
        ));
    }
    trio(found, notes);
}

fn show((exchange, key): (&str, &str)) -> String {
    if exchange.is_empty() {
        format!("the queue '{key}'")
    } else {
        format!("the exchange '{exchange}' with '{key}'")
    }
}

/// Why nothing arrives there; `None` where something does, or nobody can tell.
fn without_target(facts: &ManagementFacts, exchange: &str, key: Option<&str>) -> Option<String> {
    if exchange.is_empty() {
        let key = key?;
        let missing = facts.queues.is_ok() && facts.queue(key).is_none();
        return missing
            .then(|| format!("it dead-letters to the queue '{key}', which is not there"));
    }
    let exchanges = facts.exchanges.as_ref().ok()?;
    let Some(found) = exchanges.iter().find(|found| found.name == exchange) else {
        return Some(format!(
            "it dead-letters to the exchange '{exchange}', which is not there"
        ));
    };
    let mut bound = facts.bindings.as_ref().ok()?.iter();
    let arrives = bound.any(|binding| {
        binding.source == exchange
            && match (found.kind.as_str(), key) {
                ("topic", Some(key)) => pattern::matches(&binding.routing_key, key),
                ("direct", Some(key)) => binding.routing_key == key,
                _ => true,
            }
    });
    (!arrives).then(|| {
        format!("it dead-letters to the exchange '{exchange}', where no queue is bound for it")
    })
}

/// Only quorum queues can dead-letter at least once.
fn trio(found: &FoundQueue, notes: &mut Notes) {
    if found.kind != "quorum" {
        return;
    }
    let is = |key: &str, wanted: &str| found.text(key).is_some_and(|(text, _)| text == wanted);
    let mut missing = Vec::new();
    if !is("dead-letter-strategy", "at-least-once") {
        missing.push("dead-letter-strategy is not at-least-once");
    }
    if !is("overflow", "reject-publish") {
        missing.push("overflow is not reject-publish");
    }
    if !missing.is_empty() {
        notes.add(AT_MOST_ONCE.found(&found.name, missing.join(", and "), REPLACE));
    }
}
