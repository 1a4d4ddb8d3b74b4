//! What waits: dead letters, old heads, queues that are nearly full.

use std::time::Duration;

use jiff::Timestamp;

use super::case::{Case, Notes};
use super::facts::ManagementFacts;
use super::finding::{Area, checks};
use crate::config::{show_size, show_time};
use crate::topology::{Argument, Queue, Role};

checks! { Consumers:
    DEAD = "dead-letters-wait", Notice,
        "each of them is an event that a projection lacks";
    DEAD_OLD = "dead-letters-old", Warning,
        "each of them is an event that a projection lacks, and nobody seems to look";
    HEAD_OLD = "queue-head-old", Warning,
        "at its TTL an event expires into the dead-letter queue without having been seen by a worker";
    FULL = "queue-nearly-full", Warning,
        "a full queue refuses its publishers, and at a fanout exchange that means for every queue";
}

/// Half of the default TTL of a main queue: by then somebody has had a working week.
const DEAD_TOO_OLD: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Percent of `max-length-bytes`: leaves time to act before publishers are refused.
const NEARLY_FULL: u64 = 80;

pub(super) fn check(case: &Case<'_>, notes: &mut Notes) {
    let now = Timestamp::now().as_second();
    let mut looked = true;
    for queue in &case.topology.queues {
        match queue.role {
            Role::DeadLetter => dead_letters(case, queue, now, notes),
            Role::Main => {
                looked &= head(case, queue, now, notes);
                if let Some(facts) = case.management() {
                    full(facts, queue, notes);
                }
            }
            Role::Retry | Role::Suspect => {}
        }
    }
    if case.management().is_some() && !looked {
        notes.gap(
            Area::Consumers,
            "the age of the first message of queues that are being consumed: looking would count \
             as a delivery",
            "run-worker's metrics tell the latency from occurrence to effect",
        );
    }
}

fn age(case: &Case<'_>, queue: &str, now: i64) -> Option<Duration> {
    let published = *case.management()?.heads.get(queue)?;
    Some(Duration::from_secs(
        u64::try_from(now - published).unwrap_or(0),
    ))
}

fn dead_letters(case: &Case<'_>, queue: &Queue, now: i64, notes: &mut Notes) {
    let Some(messages) = case.messages(&queue.name).filter(|count| *count > 0) else {
        return;
    };
    let mend = "fanout dlq group shows the reasons; mend the cause and replay, or purge";
    notes.add(match age(case, &queue.name, now) {
        Some(age) if age > DEAD_TOO_OLD => DEAD_OLD.found(
            &queue.name,
            format!(
                "{messages} dead letters, the first from {} days ago",
                days(age)
            ),
            mend,
        ),
        _ => DEAD.found(&queue.name, format!("{messages} dead letters"), mend),
    });
}

fn days(age: Duration) -> u64 {
    age.as_secs() / (24 * 60 * 60)
}

/// Whether the age is known to be well or was noted.
fn head(case: &Case<'_>, queue: &Queue, now: i64, notes: &mut Notes) -> bool {
    let Some(Argument::Int(ttl)) = queue.arguments.get("x-message-ttl") else {
        return true;
    };
    let ttl = Duration::from_millis(u64::try_from(*ttl).unwrap_or(0));
    let Some(age) = age(case, &queue.name, now) else {
        return case.messages(&queue.name).unwrap_or(0) == 0;
    };
    if age > ttl / 2 {
        notes.add(HEAD_OLD.found(
            &queue.name,
            format!(
                "the first message is of {} ago, the TTL is {}",
                show_time(Duration::from_secs(age.as_secs())),
                show_time(ttl)
            ),
            "start workers, or lengthen message_ttl: the argument of a queue cannot be changed, a \
             policy can only shorten it",
        ));
    }
    true
}

fn full(facts: &ManagementFacts, queue: &Queue, notes: &mut Notes) {
    let Some(found) = facts.queue(&queue.name) else {
        return;
    };
    let limit = found.number("max-length-bytes");
    let limit = limit.and_then(|(limit, _)| u64::try_from(limit).ok());
    let (Some(limit), Some(bytes)) = (limit, found.message_bytes) else {
        return;
    };
    if bytes.saturating_mul(100) >= limit.saturating_mul(NEARLY_FULL) && limit > 0 {
        notes.add(FULL.found(
            &queue.name,
            format!(
                "the queue holds {} of {}",
                show_size(bytes),
                show_size(limit)
            ),
            "start more workers, or find out why they are slow",
        ));
    }
}
