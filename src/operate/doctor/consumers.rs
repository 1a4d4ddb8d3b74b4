//! Who consumes: somebody on main queues, nobody on retry queues, no stranger anywhere.

use super::Severity;
use super::case::{Case, Notes};
use super::facts::{Connection, Consumer};
use super::finding::{Area, checks};
use crate::topology::Role;

checks! { Consumers:
    NONE = "no-consumer", Warning,
        "events wait until a worker is started, and expire if none is";
    RETRY = "retry-queue-consumed", Error,
        "events are taken out before their delay is over, or are lost with a stranger";
    FOREIGN = "foreign-consumer", Error,
        "a program that is no worker of ours takes events away from the projection";
    MANY = "many-consumers", Notice,
        "each lane holds its prefetch of events; a database gains little from so many writers, and the others wait for theirs";
}

/// Four processes of eight lanes: beyond it no measured set-up of ours became faster.
const MANY_LANES: u64 = 32;

pub(super) fn check(case: &Case<'_>, notes: &mut Notes) {
    for queue in &case.topology.queues {
        let consumers = case.consumers(&queue.name);
        match (queue.role, consumers) {
            (Role::Main, Some(0)) => none(case, &queue.name, notes),
            (Role::Main, Some(count)) if count > MANY_LANES => notes.add(MANY.found(
                &queue.name,
                format!("{count} lanes consume from the queue"),
                "fewer lanes or processes; compare the rates",
            )),
            (Role::Retry, Some(count)) if count > 0 => notes.add(RETRY.found(
                &queue.name,
                format!("{count} consumers on a queue that only waits"),
                "end what consumes there; `rabbitmqctl list_consumers` names it",
            )),
            _ => {}
        }
    }
    if let Some(facts) = case.management() {
        let connections = notes.answer(Area::Consumers, "who consumes", &facts.connections);
        let consumers = notes.answer(Area::Consumers, "consumers", &facts.consumers);
        if let (Some(connections), Some(consumers)) = (connections, consumers) {
            foreign(case, connections, consumers, notes);
        }
    }
}

fn none(case: &Case<'_>, queue: &str, notes: &mut Notes) {
    let waiting = case.messages(queue).unwrap_or(0);
    let what = if waiting == 0 {
        "nobody consumes from the queue".to_owned()
    } else {
        format!("nobody consumes from the queue, and {waiting} messages wait")
    };
    let found = NONE.found(queue, what, "run-worker --queue KEY starts a worker");
    notes.add(if waiting == 0 {
        found.severity(Severity::Notice)
    } else {
        found
    });
}

/// Retry queues have their own finding.
fn foreign(case: &Case<'_>, connections: &[Connection], consumers: &[Consumer], notes: &mut Notes) {
    let ours = |name: &str| {
        let connection = connections.iter().find(|c| c.name == name);
        // One that has gone meanwhile is not accused.
        connection.is_none_or(Connection::is_ours)
    };
    let strangers = consumers.iter().filter(|consumer| {
        let queue = case.topology.queue(&consumer.queue.name);
        queue.is_some_and(|queue| queue.role != Role::Retry)
            && !ours(&consumer.channel_details.connection_name)
    });
    for consumer in strangers {
        let details = &consumer.channel_details;
        notes.add(FOREIGN.found(
            &consumer.queue.name,
            format!(
                "user {} consumes by the connection {}",
                details.user, details.connection_name
            ),
            "end that program, or give it a queue of its own at the exchange",
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::super::facts::ManagementFacts;
    use super::super::tests::{healthy, ids};
    use crate::config::Config;

    fn with(change: impl FnOnce(&mut ManagementFacts)) -> BTreeSet<&'static str> {
        let config = Config::default();
        let mut facts = healthy(&config);
        change(&mut facts);
        ids(&config, facts)
    }

    fn consumers(queue: &'static str, count: u64) -> BTreeSet<&'static str> {
        with(|facts| {
            let queues = facts.queues.as_mut().unwrap();
            let queue = queues.iter_mut().find(|found| found.name == queue);
            queue.unwrap().consumers = Some(count);
        })
    }

    #[test]
    fn nobody_or_too_many_at_a_main_queue_and_anybody_at_a_retry_queue_are_found() {
        for (queue, count, expected) in [
            ("events.neo4j", 0, Some("no-consumer")),
            ("events.neo4j", 32, None),
            ("events.neo4j", 33, Some("many-consumers")),
            ("events.neo4j.retry.5s", 1, Some("retry-queue-consumed")),
            ("events.neo4j.suspect", 1, None),
        ] {
            let expected = expected.into_iter().collect();
            assert_eq!(consumers(queue, count), expected, "{queue} {count}");
        }
    }

    #[test]
    fn a_stranger_is_told_by_the_product_of_the_connection() {
        let consuming = |queue: &str, product: &str| {
            with(|facts| {
                let connection = json!([{"name": "c", "user": "u", "state": "running",
                                         "client_properties": {"product": product}}]);
                facts.connections = Ok(serde_json::from_value(connection).unwrap());
                let consumer = json!([{"queue": {"name": queue},
                                       "channel_details": {"connection_name": "c", "user": "u"}}]);
                facts.consumers = Ok(serde_json::from_value(consumer).unwrap());
            })
        };
        let stranger = BTreeSet::from(["foreign-consumer"]);
        assert_eq!(consuming("events.neo4j", "pika"), stranger);
        assert_eq!(consuming("events.dlq", "pika"), stranger);
        assert_eq!(consuming("events.dlq", "fanout"), BTreeSet::new());
        assert_eq!(consuming("somebody.elses", "pika"), BTreeSet::new());
    }
}
