//! The topology as a picture in text.

use std::fmt::Write;
use std::time::Duration;

use super::{Argument, Queue, Role, Topology, names};
use crate::config::{show_size, show_time};

/// One line per exchange, binding and queue; each main queue with what belongs to it.
///
/// ```text
/// exchange events (fanout)
///   # ──▶ events.neo4j
///
/// queue events.neo4j (quorum, messages expire after 14d, up to 8GiB)
///   retry   events.neo4j.retry.5s ──after 5s──▶ events.neo4j
///   suspect events.neo4j.suspect ──▶ events.dlq
///   dead    events.dlq
///   pause   events.neo4j.pause
/// ```
pub fn picture(topology: &Topology) -> String {
    let mut out = String::new();
    for exchange in &topology.exchanges {
        line(
            &mut out,
            format_args!("exchange {} ({})", exchange.name, exchange.kind.as_str()),
        );
        for binding in topology
            .bindings
            .iter()
            .filter(|b| b.exchange == exchange.name)
        {
            line(
                &mut out,
                format_args!("  {} ──▶ {}", binding.key, binding.queue),
            );
        }
    }
    for queue in topology.queues.iter().filter(|q| q.role == Role::Main) {
        main(&mut out, topology, queue);
    }
    out
}

fn main(out: &mut String, topology: &Topology, queue: &Queue) {
    let mut traits = vec![queue.queue_type.as_str().to_owned()];
    if let Some(ttl) = ttl(queue) {
        traits.push(format!("messages expire after {}", show_time(ttl)));
    }
    if let Some(Argument::Int(bytes)) = queue.arguments.get("x-max-length-bytes") {
        traits.push(format!(
            "up to {}",
            show_size(u64::try_from(*bytes).unwrap_or(0))
        ));
    }
    line(
        out,
        format_args!("\nqueue {} ({})", queue.name, traits.join(", ")),
    );
    for retry in topology.queues.iter().filter(|q| q.role == Role::Retry) {
        if let (Some(target), Some(delay)) = (target(retry), ttl(retry))
            && target == queue.name
        {
            let delay = show_time(delay);
            line(
                out,
                format_args!("  retry   {} ──after {delay}──▶ {target}", retry.name),
            );
        }
    }
    let dead = target(queue).unwrap_or_default();
    let suspect = names::suspect(&queue.name);
    if topology.queue(&suspect).is_some() {
        line(out, format_args!("  suspect {suspect} ──▶ {dead}"));
    }
    line(out, format_args!("  dead    {dead}"));
    let pause = names::pause(&queue.name);
    if topology.queue(&pause).is_some() {
        line(out, format_args!("  pause   {pause}"));
    }
}

/// Where a queue dead-letters to.
fn target(queue: &Queue) -> Option<&str> {
    match queue.arguments.get("x-dead-letter-routing-key") {
        Some(Argument::Text(name)) => Some(name),
        _ => None,
    }
}

fn ttl(queue: &Queue) -> Option<Duration> {
    match queue.arguments.get("x-message-ttl") {
        Some(Argument::Int(millis)) => u64::try_from(*millis).ok().map(Duration::from_millis),
        _ => None,
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
