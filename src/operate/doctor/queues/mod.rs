//! Queues: there, made as configured, and not overruled.

mod abandoned;
mod dead_letters;
mod limits;
mod policies;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::case::{Case, Notes};
use super::facts::FoundQueue;
use super::finding::{Area, checks};
use super::{Check, Fix, Severity};
use crate::broker::BrokerError;
use crate::config::TopologyMode;
use crate::topology::{Argument, Queue};

checks! { Queues:
    MISSING = "queue-missing", Error,
        "events for it are lost at the exchange or refused, and its worker cannot start";
    TYPE = "queue-type-differs", Error,
        "classic queues count no deliveries and dead-letter at most once; programs that declare it do not start (406)";
    NOT_DURABLE = "queue-not-durable", Error,
        "the queue and all its messages are gone after a restart of the broker";
    AUTO_DELETE = "queue-auto-delete", Error,
        "the queue and all its messages are gone with its last consumer, as at a deploy";
    EXCLUSIVE = "queue-exclusive", Error,
        "the queue belongs to one connection and goes with it, messages and all";
    ARGUMENTS = "queue-arguments-differ", Error,
        "programs that declare the topology do not start: the broker answers 406";
}

/// The arguments of a queue cannot be changed.
pub(super) const REPLACE: &str = "drain it and delete it, and declare it anew with `fanout \
                                  topology apply`; or configure a new name and drain the old one";

/// Arguments that a declaration is compared by, as RabbitMQ 4.0.5 does it; others that a queue
/// has are nobody's trouble.
const COMPARED: [&str; 17] = [
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-delivery-limit",
    "x-expires",
    "x-max-in-memory-bytes",
    "x-max-in-memory-length",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-message-ttl",
    "x-overflow",
    "x-queue-leader-locator",
    "x-queue-mode",
    "x-queue-version",
    "x-quorum-initial-group-size",
    "x-single-active-consumer",
];

pub(super) fn check(case: &Case<'_>, notes: &mut Notes) {
    for queue in &case.topology.queues {
        if case.exists(&queue.name) == Some(false) {
            notes.add(
                MISSING
                    .found(
                        &queue.name,
                        format!("there is no queue {}", queue.name),
                        "fanout topology apply",
                    )
                    .fix(Fix::DeclareQueue(queue.name.clone())),
            );
        }
    }
    let Some(facts) = case.management() else {
        refusals(case, notes);
        return;
    };
    let Some(found) = notes.answer(Area::Queues, "queues", &facts.queues) else {
        return;
    };
    notes.answer(
        Area::Queues,
        "policies of queues that were idle since",
        &facts.policies,
    );
    for expected in &case.topology.queues {
        if let Some(found) = found.iter().find(|found| found.name == expected.name) {
            make(expected, found, notes);
            arguments(case, expected, found, notes);
            limits::check(expected, found, notes);
            dead_letters::check(case, expected, found, notes);
            policies::check(case, expected, found, notes);
        }
    }
    abandoned::check(case, found, notes);
}

/// Every check of this folder.
pub(super) fn checks() -> Vec<Check> {
    [
        CHECKS,
        limits::CHECKS,
        dead_letters::CHECKS,
        policies::CHECKS,
        abandoned::CHECKS,
    ]
    .concat()
}

/// What AMQP alone tells: what a declaration is refused for.
fn refusals(case: &Case<'_>, notes: &mut Notes) {
    for (queue, error) in case.amqp().into_iter().flat_map(|amqp| &amqp.refusals) {
        match error {
            BrokerError::TopologyMismatch(text) => {
                notes.add(ARGUMENTS.found(queue, text.clone(), REPLACE));
            }
            other => notes.gap(
                Area::Queues,
                format!("the arguments of {queue}: {other}"),
                "set RABBITMQ_MANAGEMENT_URL",
            ),
        }
    }
}

fn make(expected: &Queue, found: &FoundQueue, notes: &mut Notes) {
    let name = &expected.name;
    let queue_type = expected.queue_type.as_str();
    if !found.kind.is_empty() && found.kind != queue_type {
        notes.add(TYPE.found(
            name,
            format!("the queue is {}, configured is {queue_type}", found.kind),
            REPLACE,
        ));
    }
    for (wrong, check, what) in [
        (!found.durable, NOT_DURABLE, "the queue is not durable"),
        (
            found.auto_delete,
            AUTO_DELETE,
            "the queue is deleted with its last consumer",
        ),
        (
            found.exclusive,
            EXCLUSIVE,
            "the queue is exclusive to one connection",
        ),
    ] {
        if wrong {
            notes.add(check.found(name, what, REPLACE));
        }
    }
}

/// One finding per queue, with all of it: the consequence is one, too.
fn arguments(case: &Case<'_>, expected: &Queue, found: &FoundQueue, notes: &mut Notes) {
    let Some(arguments) = found.arguments() else {
        return;
    };
    let mut differing = Vec::new();
    for (name, value) in &expected.arguments {
        let value = match value {
            Argument::Text(text) => Value::from(text.as_str()),
            Argument::Int(number) => Value::from(*number),
        };
        match arguments.get(*name) {
            Some(found) if *found == value => {}
            Some(found) => differing.push(format!("{name} is {found} instead of {value}")),
            None => differing.push(format!("{name} is missing, configured is {value}")),
        }
    }
    for (name, value) in arguments {
        let name = name.as_str();
        if COMPARED.contains(&name) && !expected.arguments.contains_key(name) {
            differing.push(format!("{name} is {value}, configured is none"));
        }
    }
    if differing.is_empty() {
        return;
    }
    let found = ARGUMENTS.found(&expected.name, differing.join("; "), REPLACE);
    // Who does not declare, is not refused.
    notes.add(match case.config.broker.topology {
        TopologyMode::Declare => found,
        TopologyMode::Verify | TopologyMode::None => found.severity(Severity::Notice),
    });
}
