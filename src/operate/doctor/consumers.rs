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
