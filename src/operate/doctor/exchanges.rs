//! Exchanges: there, and made as configured.

use super::case::{Case, Notes};
use super::facts::Exchange as Found;
use super::finding::{Area, checks};
use super::{Finding, Fix};
use crate::topology::Exchange;

checks! { Queues:
    MISSING = "exchange-missing", Error,
        "whatever is published to it is refused, and nothing reaches its queues";
    TYPE = "exchange-type-differs", Error,
        "events are routed by other rules than configured, and programs that declare it do not start (406)";
    LASTING = "exchange-not-durable", Error,
        "it is gone after a restart of the broker, with all its bindings, and programs that declare it do not start (406)";
    INTERNAL = "exchange-internal", Error,
        "no client may publish to it, and programs that declare it do not start (406)";
}

/// Other arguments of an exchange cannot be changed: only a new one helps.
const REPLACE: &str = "delete it when nobody publishes, and declare it anew with `fanout topology \
                       apply`; or configure a new name";

pub(super) fn check(case: &Case<'_>, notes: &mut Notes) {
    let Some(facts) = case.management() else {
        return;
    };
    let Some(found) = notes.answer(Area::Queues, "exchanges", &facts.exchanges) else {
        return;
    };
    for expected in &case.topology.exchanges {
        match found.iter().find(|found| found.name == expected.name) {
            None => notes.add(missing(expected)),
            Some(found) => compare(expected, found, notes),
        }
    }
}

fn missing(expected: &Exchange) -> Finding {
    MISSING
        .found(
            &expected.name,
            format!("there is no exchange {}", expected.name),
            "fanout topology apply",
        )
        .fix(Fix::DeclareExchange(expected.name.clone()))
}

fn compare(expected: &Exchange, found: &Found, notes: &mut Notes) {
    let name = &expected.name;
    let kind = expected.kind.as_str();
    if found.kind != kind {
        notes.add(TYPE.found(
            name,
            format!(
                "the exchange is of type {}, configured is {kind}",
                found.kind
            ),
            REPLACE,
        ));
    }
    if !found.durable || found.auto_delete {
        let what = if found.durable {
            "the exchange is deleted with its last binding"
        } else {
            "the exchange is not durable"
        };
        notes.add(LASTING.found(name, what, REPLACE));
    }
    if found.internal {
        notes.add(INTERNAL.found(name, "the exchange is internal", REPLACE));
    }
}
