//! Limits of a queue that would drop or dead-letter events on the broker's own account.

use super::super::case::Notes;
use super::super::facts::{FoundQueue, Source};
use super::super::finding::{Finding, checks};
use super::REPLACE;
use crate::config::show_time;
use crate::topology::{Argument, Queue, Role};
use std::time::Duration;

checks! { Queues:
    LIMIT_MISSING = "delivery-limit-missing", Error,
        "RabbitMQ 4 then dead-letters what was delivered 20 times: a worker that crashes in a loop empties its queue of innocent events";
    LIMIT_LOW = "delivery-limit-low", Error,
        "a delivery counts against every event that a worker holds when it crashes or loses its connection: innocent events are dead-lettered";
    LIMIT_NEGATIVE = "delivery-limit-negative", Warning,
        "a negative limit means none on RabbitMQ 4, and zero before: there the first redelivery is dead-lettered";
    DROPS = "overflow-drops", Error,
        "a full queue drops its oldest events instead of refusing new ones, and nobody is told";
    SIDE = "side-queue-limited", Error,
        "when a retry, suspect or dead-letter queue is full, its main queue and it wait for each other, or dead letters are lost";
    RETRY_TTL = "retry-ttl-differs", Error,
        "the delay of a retry is the TTL of its queue: without it events never come back, with another one they come back at another time";
    EARLY = "messages-expire-early", Error,
        "events expire before their worker has seen them";
    DEAD_EXPIRE = "dead-letters-expire", Error,
        "dead letters disappear by themselves, sooner than configured and before anybody has looked at them";
    EXPIRES = "queue-expires", Error,
        "the broker deletes the queue with its messages when nobody has consumed from it for that time";
}

/// A crash or a lost connection a minute, for most of a day.
const LOW: i64 = 1000;

pub(super) fn check(expected: &Queue, found: &FoundQueue, notes: &mut Notes) {
    delivery_limit(found, notes);
    length(expected, found, notes);
    time_to_live(expected, found, notes);
    if let Some((millis, source)) = found.number("expires") {
        notes.add(EXPIRES.found(
            &found.name,
            format!(
                "the queue expires after {}{}",
                time(millis),
                by(found, source)
            ),
            remedy(source),
        ));
    }
}

/// Who sets it, for a value that is not an argument.
pub(super) fn by(found: &FoundQueue, source: Source) -> String {
    match source {
        Source::Argument => String::new(),
        Source::Policy => format!(", by {}", found.policies()),
    }
}

pub(super) fn remedy(source: Source) -> &'static str {
    match source {
        Source::Argument => REPLACE,
        Source::Policy => "remove it from the policy, or let the policy not match this queue",
    }
}

fn time(millis: i64) -> String {
    show_time(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
}

fn delivery_limit(found: &FoundQueue, notes: &mut Notes) {
    if found.kind != "quorum" {
        return;
    }
    let finding: Finding = match found.number("delivery-limit") {
        None => LIMIT_MISSING.found(&found.name, "the queue has no delivery limit", REPLACE),
        Some((limit, source)) if limit < 0 => LIMIT_NEGATIVE.found(
            &found.name,
            format!("the delivery limit is {limit}{}", by(found, source)),
            remedy(source),
        ),
        Some((limit, source)) if limit < LOW => LIMIT_LOW.found(
            &found.name,
            format!("the delivery limit is {limit}{}", by(found, source)),
            remedy(source),
        ),
        Some(_) => return,
    };
    notes.add(finding);
}

fn length(expected: &Queue, found: &FoundQueue, notes: &mut Notes) {
    // A pause is one message, and the last word counts.
    if expected.role == Role::Pause {
        return;
    }
    let limit = ["max-length", "max-length-bytes"]
        .into_iter()
        .find_map(|key| Some((key, found.number(key)?)));
    let Some((key, (value, source))) = limit else {
        return;
    };
    let limit = format!("{key} is {value}{}", by(found, source));
    if expected.role != Role::Main {
        notes.add(SIDE.found(&found.name, limit.clone(), remedy(source)));
    }
    let overflow = found.text("overflow").map_or("drop-head", |(text, _)| text);
    if overflow != "reject-publish" {
        notes.add(DROPS.found(
            &found.name,
            format!("overflow is {overflow}, and {limit}"),
            REPLACE,
        ));
    }
}

fn time_to_live(expected: &Queue, found: &FoundQueue, notes: &mut Notes) {
    let wanted = match expected.arguments.get("x-message-ttl") {
        Some(Argument::Int(millis)) => Some(*millis),
        _ => None,
    };
    let finding = match (expected.role, found.number("message-ttl"), wanted) {
        (Role::Retry, None, Some(wanted)) => RETRY_TTL.found(
            &found.name,
            format!("the queue has no TTL, configured is {}", time(wanted)),
            REPLACE,
        ),
        (Role::Retry, Some((ttl, source)), Some(wanted)) if ttl != wanted => RETRY_TTL.found(
            &found.name,
            format!(
                "messages come back after {}{}, configured is {}",
                time(ttl),
                by(found, source),
                time(wanted)
            ),
            remedy(source),
        ),
        (Role::DeadLetter, Some((ttl, source)), wanted)
            if wanted.is_none_or(|wanted| ttl < wanted) =>
        {
            DEAD_EXPIRE.found(
                &found.name,
                format!(
                    "dead letters expire after {}{}",
                    time(ttl),
                    by(found, source)
                ),
                remedy(source),
            )
        }
        (Role::Main | Role::Suspect | Role::Pause, Some((ttl, source)), wanted)
            if wanted.is_none_or(|wanted| ttl < wanted) =>
        {
            let wanted = wanted.map_or_else(|| "never".to_owned(), time);
            EARLY.found(
                &found.name,
                format!(
                    "messages expire after {}{}, configured is {wanted}",
                    time(ttl),
                    by(found, source)
                ),
                remedy(source),
            )
        }
        _ => return,
    };
    notes.add(finding);
}
