//! Binding patterns against the kinds of events that processors know.
//!
//! Our publishers use the kind as routing key. Only configuration is looked at.

use super::case::{Case, Notes};
use super::finding::checks;
use crate::config::{Config, ExchangeKind, QueueConfig};
use crate::topology::pattern;

/// Kinds that a processor knows, each with its other names.
pub type Kinds = &'static [&'static [&'static str]];

checks! { Bindings:
    NO_KIND = "binding-matches-no-kind", Warning,
        "nothing that the processor knows comes in by this pattern: it is mistyped, or meant for another queue";
    UNBOUND = "kind-not-bound", Notice,
        "the processor knows these events, and none of them reaches its queue";
}

pub(super) fn check(case: &Case<'_>, notes: &mut Notes) {
    for queue in case.config.queues.values() {
        if let Some(kinds) = case.kinds.get(&queue.processor) {
            patterns(case.config, queue, kinds, notes);
            unbound(case.config, queue, kinds, notes);
        }
    }
}

/// The patterns of a queue; `None` = it gets everything from a fanout exchange.
fn topic_patterns<'a>(config: &Config, queue: &'a QueueConfig) -> Option<Vec<&'a str>> {
    let mut patterns = Vec::new();
    for binding in &queue.bindings {
        let mut exchanges = config.exchanges.iter();
        let exchange = exchanges.find(|e| e.name == binding.exchange)?;
        if exchange.kind == ExchangeKind::Fanout {
            return None;
        }
        patterns.extend(binding.keys.iter().map(String::as_str));
    }
    Some(patterns)
}

fn patterns(config: &Config, queue: &QueueConfig, kinds: Kinds, notes: &mut Notes) {
    let fanout = |name: &str| {
        let mut exchanges = config.exchanges.iter();
        exchanges.any(|e| e.name == name && e.kind == ExchangeKind::Fanout)
    };
    for binding in queue.bindings.iter().filter(|b| !fanout(&b.exchange)) {
        for key in &binding.keys {
            if !kinds
                .iter()
                .flat_map(|names| names.iter())
                .any(|kind| pattern::matches(key, kind))
            {
                notes.add(NO_KIND.found(
                    &queue.name,
                    format!(
                        "no kind that the processor {} knows matches '{key}' at the exchange {}",
                        queue.processor, binding.exchange
                    ),
                    "correct the pattern: * stands for one word between dots, # for any number",
                ));
            }
        }
    }
}

fn unbound(config: &Config, queue: &QueueConfig, kinds: Kinds, notes: &mut Notes) {
    let Some(patterns) = topic_patterns(config, queue) else {
        return;
    };
    let reaches = |kind: &str| patterns.iter().any(|key| pattern::matches(key, kind));
    let unbound = kinds
        .iter()
        .filter(|names| !names.iter().any(|kind| reaches(kind)))
        .filter_map(|names| names.first().copied());
    let unbound: Vec<_> = unbound.collect();
    // A pattern that matches nothing at all has its own finding.
    if !unbound.is_empty() && unbound.len() < kinds.len() {
        notes.add(UNBOUND.found(
            &queue.name,
            format!("no binding matches {}", unbound.join(", ")),
            "add a pattern where they are wanted",
        ));
    }
}
