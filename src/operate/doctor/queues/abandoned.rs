//! Retry queues of an earlier plan.

use super::super::case::{Case, Notes};
use super::super::facts::FoundQueue;
use super::super::finding::checks;
use super::super::{Fix, Severity};

checks! { Queues:
    ABANDONED = "retry-queue-abandoned", Warning,
        "a changed retry plan makes new queues and leaves the old ones: what is in them still comes back, and nobody looks at them";
}

pub(super) fn check(case: &Case<'_>, found: &[FoundQueue], notes: &mut Notes) {
    let prefixes: Vec<_> = case
        .config
        .queues
        .values()
        .map(|queue| format!("{}.retry.", queue.name))
        .collect();
    let abandoned = found.iter().filter(|queue| {
        case.topology.queue(&queue.name).is_none()
            && prefixes.iter().any(|prefix| queue.name.starts_with(prefix))
    });
    for queue in abandoned {
        notes.add(match (queue.holds(), queue.consumers) {
            (Some(0), Some(0)) => ABANDONED
                .found(
                    &queue.name,
                    "the retry plan does not name the queue; it is empty",
                    "delete it",
                )
                .severity(Severity::Notice)
                .fix(Fix::DeleteEmptyQueue(queue.name.clone())),
            (Some(0), _) => ABANDONED.found(
                &queue.name,
                "the retry plan does not name the queue; it is empty, and has consumers",
                "end what consumes from it, and delete it",
            ),
            (Some(messages), _) => ABANDONED.found(
                &queue.name,
                format!("the retry plan does not name the queue; it has {messages} messages"),
                "wait until they have gone back to their queue, and delete it",
            ),
            (None, _) => ABANDONED
                .found(
                    &queue.name,
                    "the retry plan does not name the queue; the broker has no figures of it yet",
                    "look again in a few seconds",
                )
                .severity(Severity::Notice),
        });
    }
}
