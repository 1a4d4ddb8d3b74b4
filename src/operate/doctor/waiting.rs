//! What waits: dead letters, old heads, queues that are nearly full.

use std::time::Duration;

use jiff::Timestamp;

use super::Severity;
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

/// As many events as the flood guard looks at: no longer single bad events.
const MANY_DEAD: u64 = 1000;
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
            Role::Retry | Role::Suspect | Role::Pause => {}
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
        _ => {
            let found = DEAD.found(&queue.name, format!("{messages} dead letters"), mend);
            if messages < MANY_DEAD {
                found
            } else {
                found.severity(Severity::Warning)
            }
        }
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

#[cfg(test)]
mod tests {
    use super::super::tests::{findings, healthy};
    use super::*;
    use crate::config::Config;

    /// What is found where this queue has so many messages and bytes, the first of them so
    /// many seconds old.
    fn waiting(queue: &str, messages: u64, bytes: u64, age: i64) -> Vec<(&'static str, Severity)> {
        let config = Config::default();
        let mut facts = healthy(&config);
        let queues = facts.queues.as_mut().unwrap();
        let found = queues.iter_mut().find(|found| found.name == queue).unwrap();
        (found.messages, found.message_bytes) = (Some(messages), Some(bytes));
        let published = Timestamp::now().as_second() - age;
        facts.heads.insert(queue.to_owned(), published);
        let found = findings(&config, facts).into_iter();
        found.map(|found| (found.check, found.severity)).collect()
    }

    const DAY: i64 = 24 * 60 * 60;

    #[test]
    fn dead_letters_are_a_notice_until_they_are_old_or_many() {
        let dead = |messages, days| waiting("events.dlq", messages, 0, days * DAY);
        assert_eq!(dead(0, 0), []);
        assert_eq!(dead(1, 6), [("dead-letters-wait", Severity::Notice)]);
        assert_eq!(dead(1000, 0), [("dead-letters-wait", Severity::Warning)]);
        assert_eq!(dead(1, 8), [("dead-letters-old", Severity::Warning)]);
    }

    #[test]
    fn a_main_queue_is_told_of_from_half_of_its_ttl_and_four_fifths_of_its_length() {
        let main = |bytes, days| waiting("events.neo4j", 5, bytes, days * DAY);
        assert_eq!(main(6 << 30, 6), []);
        assert_eq!(main(0, 8), [("queue-head-old", Severity::Warning)]);
        assert_eq!(main(7 << 30, 0), [("queue-nearly-full", Severity::Warning)]);
    }
}
