//! One look as text; the live view shows the same rows.

use std::time::Duration;

use super::look::{Queue, Seen, Worker};
use crate::dlq;
use crate::output::{figure, table, text};

pub(super) const QUEUE_TITLES: [&str; 9] = [
    "QUEUE",
    "READY",
    "UNACKED",
    "RETRYING",
    "SUSPECTS",
    "CONSUMERS",
    "OUT/S",
    "DONE IN",
    "DEAD LETTERS",
];
pub(super) const WORKER_TITLES: [&str; 7] = [
    "WORKER",
    "STATUS",
    "QUEUE",
    "LANES",
    "BREAKER",
    "APPLIED",
    "DEAD-LETTERED",
];

pub(super) fn queue(queue: &Queue) -> [String; 9] {
    let status = &queue.status;
    let name = match status.paused {
        Some(true) => format!("{} (paused)", status.queue),
        _ => status.queue.clone(),
    };
    let rate = status.rates.and_then(|rates| rates.acknowledge);
    let whole = |seconds: f64| {
        humantime::format_duration(Duration::from_secs_f64(seconds.min(1e9).ceil())).to_string()
    };
    [
        name,
        figure(status.messages_ready),
        figure(status.messages_unacknowledged),
        figure(status.retrying()),
        figure(status.suspects),
        figure(status.consumers),
        figure(rate.map(|rate| format!("{rate:.0}"))),
        figure(queue.drain_seconds.map(whole)),
        format!(
            "{} ({})",
            figure(status.dead_letters),
            status.dead_letter_queue
        ),
    ]
}

pub(super) fn worker(worker: &Worker) -> [String; 7] {
    let lanes = worker.number("/progress/lanes").map(|lanes| {
        let consuming = worker.number("/progress/consuming_lanes").unwrap_or(0);
        format!("{consuming} of {lanes}")
    });
    [
        worker.url.clone(),
        worker.text("/status").unwrap_or("no answer").to_owned(),
        figure(worker.text("/progress/queue")),
        figure(lanes),
        figure(worker.breaker()),
        figure(worker.number("/progress/applied")),
        figure(worker.number("/progress/dead_lettered")),
    ]
}

/// What is wrong, a line each.
pub(super) fn problems(seen: &Seen) -> Vec<String> {
    let of_workers = seen.workers.iter().flat_map(|worker| {
        let url = &worker.url;
        worker.issues().map(move |issue| format!("{url}: {issue}"))
    });
    of_workers.chain(seen.notes.iter().cloned()).collect()
}

pub(super) fn render(seen: &Seen) -> String {
    let mut queues = table(&QUEUE_TITLES);
    queues.add_rows(seen.queues.iter().map(queue));
    let mut workers = table(&WORKER_TITLES);
    workers.add_rows(seen.workers.iter().map(worker));
    let mut parts = vec![
        format!("{} at {:.0}", seen.broker, seen.at),
        text(&queues),
        text(&workers),
    ];
    parts.extend(seen.dead_letter_groups.as_ref().map(dlq::grouped));
    let problems = problems(seen);
    if !problems.is_empty() {
        parts.push(problems.join("\n"));
    }
    parts.join("\n\n")
}
