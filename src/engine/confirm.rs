//! Publishes what stands for a delivery until the broker has confirmed all of it.
//!
//! A message that the broker does not take is tried again with growing waits and named in
//! health; its delivery stays unacknowledged. After a third of the consumer timeout the
//! delivery is given back.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::monitor::{ProblemCell, PublishProblem};
use super::settle::{Outgoing, Publication};
use super::shared::Shared;
use crate::broker::{Message, PublishError};
use crate::telemetry;

/// First wait after a refusal; doubles up to [`MAX_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest wait between two tries. Below the time an operator looks at health.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// A publication and whether all of it is confirmed.
pub(super) struct Confirmation {
    pub(super) publication: Publication,
    pub(super) confirmed: bool,
}

/// Resolves once all messages are confirmed, or the delivery has been held too long.
pub(super) async fn confirm(shared: Arc<Shared>, publication: Publication) -> Confirmation {
    let ends = publication.held.received + shared.config.hold_limit();
    let mut confirmed = true;
    for outgoing in &publication.messages {
        confirmed = publish(&shared, outgoing, ends).await;
        if !confirmed {
            break;
        }
    }
    Confirmation {
        publication,
        confirmed,
    }
}

async fn publish(shared: &Shared, outgoing: &Outgoing, ends: Instant) -> bool {
    let mut message = outgoing.message.clone();
    let mut wait = FIRST_WAIT;
    let mut problem = None;
    loop {
        let error = match shared.broker.publish(message.clone()).await {
            Ok(()) => break,
            Err(error) => error,
        };
        match error {
            PublishError::HeadersTooLarge { .. } if strip(&mut message) => continue,
            PublishError::Unroutable { .. } | PublishError::NoExchange(_)
                if outgoing.is_follow_up && !message.exchange.is_empty() =>
            {
                tracing::error!(
                    exchange = message.exchange,
                    routing_key = message.routing_key,
                    "no queue takes a follow-up event; it is dead-lettered"
                );
                message = shared.unroutable(&message);
                continue;
            }
            _ => {}
        }
        let first = problem.is_none();
        let cell = problem.get_or_insert_with(|| shared.monitor.problem_cell());
        report(shared, &message, &error, first, cell);
        let next = Instant::now() + wait;
        if next >= ends {
            return false;
        }
        tokio::time::sleep_until(next).await;
        wait = (wait * 2).min(MAX_WAIT);
    }
    true
}

/// Drops headers that are neither ours nor trace context. `false` where none are left.
fn strip(message: &mut Message) -> bool {
    let headers = &mut message.properties.headers;
    let before = headers.len();
    headers.retain(|name, _| name.starts_with("fanout-") || name == "traceparent");
    headers.len() < before
}

fn report(
    shared: &Shared,
    message: &Message,
    error: &PublishError,
    first: bool,
    cell: &ProblemCell,
) {
    let target = if message.exchange.is_empty() {
        &message.routing_key
    } else {
        &message.exchange
    };
    telemetry::publish_problem(shared.queue(), error.code());
    if first {
        tracing::warn!(
            target_queue = target.as_str(), reason = error.code(), %error,
            "the broker does not take a message; nothing is acknowledged until it does"
        );
    }
    cell.set(PublishProblem {
        target: target.clone(),
        code: error.code(),
        message: error.to_string(),
    });
}
