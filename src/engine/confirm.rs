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
use crate::telemetry::{self, log};

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
                follow_up_unroutable(shared, &message);
                message = shared.unroutable(&message);
                continue;
            }
            _ => {}
        }
        let cell = problem.get_or_insert_with(|| shared.monitor.problem_cell());
        report(shared, &message, &error, cell);
        let next = Instant::now() + wait;
        if next >= ends {
            return false;
        }
        tokio::time::sleep_until(next).await;
        wait = (wait * 2).min(MAX_WAIT);
    }
    let to = target(&message);
    if let Some(told) = shared.trouble.settling.over(to) {
        log::settling_again(shared.queue(), to, told);
    }
    true
}

fn target(message: &Message) -> &str {
    if message.exchange.is_empty() {
        &message.routing_key
    } else {
        &message.exchange
    }
}

fn follow_up_unroutable(shared: &Shared, message: &Message) {
    let (exchange, key) = (&message.exchange, &message.routing_key);
    if let Some(suppressed) = shared.trouble.follow_ups.again(exchange) {
        log::follow_up_unroutable(shared.queue(), exchange, key, suppressed);
    }
}

/// Drops headers that are neither ours nor trace context. `false` where none are left.
fn strip(message: &mut Message) -> bool {
    let headers = &mut message.properties.headers;
    let before = headers.len();
    headers.retain(|name, _| name.starts_with("fanout-") || name == "traceparent");
    headers.len() < before
}

fn report(shared: &Shared, message: &Message, error: &PublishError, cell: &ProblemCell) {
    let to = target(message);
    telemetry::publish_problem(shared.queue(), error.code());
    if let Some(told) = shared.trouble.settling.failed(to) {
        log::settling_refused(shared.queue(), to, error.code(), error, told);
    }
    cell.set(PublishProblem {
        target: to.to_owned(),
        code: error.code(),
        message: error.to_string(),
    });
}
