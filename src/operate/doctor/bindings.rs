//! Bindings: those configured, and others.

use super::case::{Case, Notes};
use super::facts::{Binding, FoundQueue};
use super::finding::{Area, checks};
use super::{Fix, Severity};
use crate::config::ExchangeKind;
use crate::topology::BoundQueue;

checks! { Bindings:
    MISSING = "binding-missing", Error,
        "events do not reach the queue, and nobody is told: its projection falls behind for ever";
    EXTRA = "binding-extra", Warning,
        "the queue gets events that its configuration does not ask for; a retry or dead-letter queue may get none at all but through its main queue";
    FOREIGN = "queue-fills-unseen", Warning,
        "a queue that nobody consumes gets a copy of every event: it fills the disk, or, once full, refuses the publisher for all";
}

pub(super) fn check(case: &Case<'_>, notes: &mut Notes) {
    let Some(facts) = case.management() else {
        return;
    };
    let Some(found) = notes.answer(Area::Bindings, "bindings", &facts.bindings) else {
        return;
    };
    let found: Vec<_> = found
        .iter()
        .filter(|binding| !binding.source.is_empty() && binding.destination_type == "queue")
        .collect();
    for expected in &case.topology.bindings {
        if !found.iter().any(|found| serves(case, expected, found)) {
            missing(case, expected, notes);
        }
    }
    for binding in &found {
        extra(case, binding, notes);
    }
    if let Ok(queues) = &facts.queues {
        unseen(case, queues, &found, notes);
    }
}

fn is_fanout(case: &Case<'_>, exchange: &str) -> bool {
    let mut exchanges = case.topology.exchanges.iter();
    exchanges.any(|e| e.name == exchange && e.kind == ExchangeKind::Fanout)
}

/// A fanout exchange looks at no key.
fn serves(case: &Case<'_>, expected: &BoundQueue, found: &Binding) -> bool {
    found.source == expected.exchange
        && found.destination == expected.queue
        && (is_fanout(case, &expected.exchange) || found.routing_key == expected.key)
}

fn missing(case: &Case<'_>, expected: &BoundQueue, notes: &mut Notes) {
    let BoundQueue {
        exchange,
        queue,
        key,
    } = expected;
    // One that cannot be made yet goes with what is missing itself.
    let fix = Fix::Bind(expected.clone());
    let by_key = if is_fanout(case, exchange) {
        String::new()
    } else {
        format!(" with '{key}'")
    };
    notes.add(
        MISSING
            .found(
                queue,
                format!("the queue is not bound to the exchange {exchange}{by_key}"),
                "fanout topology apply",
            )
            .fix(fix),
    );
}

fn extra(case: &Case<'_>, found: &Binding, notes: &mut Notes) {
    let Some(queue) = case.topology.queue(&found.destination) else {
        return;
    };
    let mut expected = case.topology.bindings.iter();
    if expected.any(|expected| serves(case, expected, found)) {
        return;
    }
    let Binding {
        source,
        routing_key,
        ..
    } = found;
    notes.add(EXTRA.found(
        &queue.name,
        format!(
            "the queue is bound to the exchange {source} with '{routing_key}', configured is not"
        ),
        "configure the binding, or remove it: unbind it in the management interface",
    ));
}

/// Queues of others at our exchanges, with messages and without anybody who takes them.
fn unseen(case: &Case<'_>, queues: &[FoundQueue], bindings: &[&Binding], notes: &mut Notes) {
    let ours = |exchange: &str| case.topology.exchanges.iter().any(|e| e.name == exchange);
    for queue in queues {
        let foreign = case.topology.queue(&queue.name).is_none();
        let bound = bindings
            .iter()
            .find(|b| b.destination == queue.name && ours(&b.source));
        let (Some(bound), Some(messages), true) = (bound, queue.holds(), foreign) else {
            continue;
        };
        if queue.consumers == Some(0) {
            let found = FOREIGN.found(
                &queue.name,
                format!(
                    "the queue is bound to {}, is not configured here, and nobody consumes its \
                     {messages} messages",
                    bound.source
                ),
                "delete it if its projection is gone, or start its consumer",
            );
            notes.add(if messages > 0 {
                found
            } else {
                found.severity(Severity::Notice)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::super::facts::{Binding, FoundQueue};
    use super::super::tests::{healthy, ids};
    use crate::config::Config;

    fn bound(exchange: &str, queue: &str, key: &str) -> Binding {
        serde_json::from_value(json!({
            "source": exchange, "destination": queue, "destination_type": "queue",
            "routing_key": key,
        }))
        .unwrap()
    }

    /// Ids found where these bindings are there instead of the configured ones.
    fn with(bindings: Vec<Binding>) -> BTreeSet<&'static str> {
        let config = Config::default();
        let mut facts = healthy(&config);
        facts.bindings = Ok(bindings);
        ids(&config, facts)
    }

    #[test]
    fn at_a_fanout_exchange_any_key_will_do() {
        let bindings = vec![
            bound("events", "events.neo4j", ""),
            bound("events", "events.neo4j", "twice"),
            bound("events", "events.qdrant", "#"),
            bound("", "events.dlq", "events.dlq"),
        ];
        assert_eq!(with(bindings), BTreeSet::new());
    }

    #[test]
    fn a_missing_binding_and_one_of_a_side_queue_are_found() {
        let bindings = vec![
            bound("events", "events.neo4j", "#"),
            bound("other", "events.neo4j.retry.5s", "#"),
        ];
        let expected = BTreeSet::from(["binding-missing", "binding-extra"]);
        assert_eq!(with(bindings), expected);
    }

    #[test]
    fn a_foreign_queue_matters_when_nobody_empties_it() {
        let config = Config::default();
        for (consumers, expected) in [(0, Some("queue-fills-unseen")), (1, None)] {
            let mut facts = healthy(&config);
            facts.queues.as_mut().unwrap().push(FoundQueue {
                name: "audit".to_owned(),
                messages: Some(5),
                consumers: Some(consumers),
                ..FoundQueue::default()
            });
            let bindings = facts.bindings.as_mut().unwrap();
            bindings.push(bound("events", "audit", "#"));
            assert_eq!(ids(&config, facts), expected.into_iter().collect());
        }
    }
}
