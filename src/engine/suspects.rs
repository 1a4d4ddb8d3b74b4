//! Events that may kill the process, one at a time, with nothing else in flight.
//!
//! A crash counts against everything that was prefetched, so a delivery count only makes an
//! event a suspect and moves it to `{queue}.suspect`. Here it is alone: what is counted
//! against it on this queue is its own doing, and dead-letters it.

use std::sync::Arc;
use std::time::Duration;

use fanout_contract::{Failure, Outcome};
use futures::StreamExt;
use tokio::time::Instant;

use super::batch_run;
use super::buffer::Held;
use super::confirm::confirm;
use super::settle::{End, Publication};
use super::shared::Shared;
use super::shutdown::Shutdown;
use crate::broker::{BrokerError, Delivery, Subscription};
use crate::config::QueueType;
use crate::recovery::codes;
use crate::topology::names;

/// Between two tries to subscribe.
const AGAIN: Duration = Duration::from_secs(1);

/// Consumes the suspect queue until draining. A classic main queue counts no deliveries and
/// so has no suspects.
///
/// # Errors
/// What trying again does not mend.
pub(super) async fn run(shared: Arc<Shared>, shutdown: Shutdown) -> Result<(), BrokerError> {
    if shared.config.queue.queue_type == QueueType::Classic {
        return Ok(());
    }
    let queue = names::suspect(shared.queue());
    while !shutdown.is_draining() {
        let consume = async {
            wait_for_admission(&shared).await;
            shared.broker.consume(&queue, 1).await
        };
        let subscription = tokio::select! {
            () = shutdown.draining() => return Ok(()),
            answer = consume => answer,
        };
        match subscription {
            Ok(subscription) => one_by_one(&shared, subscription, &shutdown).await,
            Err(error) if error.is_temporary() || matches!(error, BrokerError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = shutdown.draining() => {}
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
    Ok(())
}

/// Suspects are taken unless the destination is known to be away. One at a time, a suspect
/// is a trial as good as any, and where the main queue is empty the only one there is.
async fn wait_for_admission(shared: &Shared) {
    let mut changes = shared.destination.changes();
    while shared.destination.is_shut() {
        let _ = changes.changed().await;
    }
}

async fn one_by_one(shared: &Arc<Shared>, mut subscription: Subscription, shutdown: &Shutdown) {
    loop {
        let delivery = tokio::select! {
            () = shutdown.draining() => break,
            () = shut(shared) => break,
            delivery = subscription.deliveries.next() => delivery,
        };
        let Some(Ok(delivery)) = delivery else { break };
        let tag = delivery.tag;
        let settled = judge(shared, delivery).await;
        if !settled || subscription.channel.ack(tag, false).await.is_err() {
            break;
        }
    }
    let _ = subscription.channel.close().await;
}

async fn shut(shared: &Shared) {
    let mut changes = shared.destination.changes();
    while !shared.destination.is_shut() {
        let _ = changes.changed().await;
    }
}

/// Whether everything that stands for the delivery is confirmed.
async fn judge(shared: &Arc<Shared>, delivery: Delivery) -> bool {
    let count = delivery.delivery_count.unwrap_or(0);
    let event = shared.codec.decode(&delivery.message);
    let event = event
        .map(|decoded| decoded.event)
        .map_err(|undecodable| undecodable.failure);
    let held = Held {
        delivery,
        event,
        received: Instant::now(),
    };
    if count >= shared.config.queue.suspect_limit {
        let text = format!("delivered {count} times while alone in the process, never answered");
        let failure = Failure::permanent(codes::CRASH_SUSPECT, text);
        return settle(shared, shared.dead_letter(held, &failure)).await;
    }
    let answered = {
        let _turn = shared.turns.acquire().await;
        let _alone = shared.solitude.write().await;
        batch_run::answer(shared, vec![held]).await
    };
    report(shared, &answered.outcomes);
    let plan = shared.plan(answered.outcomes);
    shared.monitor.add(plan.counts);
    for publication in plan.publications {
        if !settle(shared, publication).await {
            return false;
        }
    }
    for (held, _) in plan.given_back {
        // A requeue would count against it as a crash does; a fresh message starts at none.
        if !settle(shared, shared.suspect(held)).await {
            return false;
        }
    }
    true
}

fn report(shared: &Shared, outcomes: &[(Held, Outcome)]) {
    for (_, outcome) in outcomes {
        match outcome {
            Outcome::Failed(f) if f.class() == fanout_contract::FailureClass::Unavailable => {
                shared.destination.unavailable(f);
            }
            _ => shared.destination.answered(),
        }
    }
}

async fn settle(shared: &Arc<Shared>, publication: Publication) -> bool {
    let confirmation = confirm(shared.clone(), publication).await;
    if confirmation.confirmed && confirmation.publication.end != End::Suspect {
        shared.ended(confirmation.publication.end);
    }
    confirmation.confirmed
}
