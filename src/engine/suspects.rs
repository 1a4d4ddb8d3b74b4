//! Events that may kill the process, one at a time, with nothing else in flight.
//!
//! A crash counts against everything that was prefetched, so a delivery count only makes an
//! event a suspect and moves it to `{queue}.suspect`. Here it is alone: what is counted
//! against it on this queue is its own doing, and dead-letters it.

use std::sync::Arc;
use std::time::Duration;

use fanout_contract::Failure;
use futures::StreamExt;
use tokio::time::Instant;

use super::batch_run;
use super::buffer::Held;
use super::confirm::confirm;
use super::settle::{End, Publication};
use super::shared::Shared;
use super::shutdown::Shutdown;
use crate::broker::{BrokerError, Channel, Delivery, Subscription};
use crate::config::QueueType;
use crate::recovery::codes;
use crate::topology::names;

/// Age at which the process takes its first suspect. Random kills and other events that kill
/// hit a process that has just started again and again, and the suspect at the head would pay
/// for them; one that lives this long is not in such a loop.
const CALM: Duration = Duration::from_secs(10);
/// Between two looks at the queue; the lanes have at least this long in between.
const AGAIN: Duration = Duration::from_secs(1);
/// Longest time that the lanes wait for suspects, but for the one in the call.
const SLICE: Duration = Duration::from_secs(1);
/// A queue that has given nothing for so long is empty.
const IDLE: Duration = Duration::from_millis(200);

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
    let calm = Instant::now() + CALM;
    loop {
        tokio::select! {
            () = shutdown.draining() => return Ok(()),
            () = wait_for_suspects(&shared, &queue, calm) => {}
        }
        match take(&shared, &queue, &shutdown).await {
            Ok(()) => {}
            Err(error) if error.is_temporary() || matches!(error, BrokerError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = shutdown.draining() => return Ok(()),
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

/// Suspects are taken unless the destination is known to be away. One at a time, a suspect
/// is a trial as good as any, and where the main queue is empty the only one there is.
async fn wait_for_suspects(shared: &Shared, queue: &str, calm: Instant) {
    tokio::time::sleep_until(calm).await;
    let mut changes = shared.destination.changes();
    loop {
        while shared.destination.is_shut() {
            let _ = changes.changed().await;
        }
        match shared.broker.depth(queue).await {
            Ok(Some(depth)) if depth.ready > 0 => return,
            _ => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// Takes suspects for a while, with nothing else in flight. Alone *before* it consumes: what
/// kills the process while a suspect waits for its turn would count against the suspect.
async fn take(shared: &Arc<Shared>, queue: &str, shutdown: &Shutdown) -> Result<(), BrokerError> {
    let alone = async {
        let turn = shared.turns.acquire().await;
        (turn, shared.solitude.write().await)
    };
    let _alone = tokio::select! {
        () = shutdown.draining() => return Ok(()),
        alone = alone => alone,
    };
    let subscription = tokio::select! {
        () = shutdown.draining() => return Ok(()),
        subscription = shared.broker.consume(queue, 1) => subscription?,
    };
    one_by_one(shared, subscription, shutdown).await;
    Ok(())
}

/// Until nothing comes, the time is over, or it has to stop. What has been handed out by then
/// is settled too: going back with the channel would count against it.
async fn one_by_one(shared: &Arc<Shared>, mut subscription: Subscription, shutdown: &Shutdown) {
    let ends = Instant::now() + SLICE;
    let channel = subscription.channel.clone();
    let mut stopping = false;
    loop {
        let delivery = tokio::select! {
            biased;
            () = until_stop(shared, shutdown, ends), if !stopping => None,
            delivery = subscription.deliveries.next() => match delivery {
                Some(Ok(delivery)) => Some(delivery),
                _ => break,
            },
        };
        let judged = match delivery {
            Some(delivery) => settle_one(shared, channel.as_ref(), delivery).await,
            None => Judged::Pause,
        };
        match judged {
            Judged::Unsettled => break,
            Judged::Pause if !stopping => {
                stopping = true;
                if channel.cancel().await.is_err() {
                    break;
                }
            }
            // Once it is cancelled at most one is left, and then the stream ends.
            Judged::Next | Judged::Pause => {}
        }
    }
    let _ = channel.close().await;
}

async fn settle_one(shared: &Arc<Shared>, channel: &dyn Channel, delivery: Delivery) -> Judged {
    let tag = delivery.tag;
    let judged = judge(shared, delivery).await;
    let settled = judged != Judged::Unsettled;
    if settled && channel.ack(tag, false).await.is_err() {
        return Judged::Unsettled;
    }
    judged
}

/// What follows from the judgement on a suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    /// Settled: the next one.
    Next,
    /// Given back: the destination needs a pause.
    Pause,
    /// Not all that stands for it is confirmed.
    Unsettled,
}

async fn until_stop(shared: &Shared, shutdown: &Shutdown, ends: Instant) {
    let mut changes = shared.destination.changes();
    let shut = async {
        while !shared.destination.is_shut() {
            let _ = changes.changed().await;
        }
    };
    tokio::select! {
        () = shutdown.draining() => {}
        () = shut => {}
        () = tokio::time::sleep_until(ends.min(Instant::now() + IDLE)) => {}
    }
}

async fn judge(shared: &Arc<Shared>, delivery: Delivery) -> Judged {
    let count = delivery.delivery_count.unwrap_or(0);
    let (held, _) = Held::new(&shared.codec, delivery);
    if count >= shared.config.queue.suspect_limit {
        let text = format!("delivered {count} times while alone in the process, never answered");
        let failure = Failure::permanent(codes::CRASH_SUSPECT, text);
        return match settle(shared, shared.dead_letter(held, &failure)).await {
            Ok(()) => Judged::Next,
            Err(_) => Judged::Unsettled,
        };
    }
    let answered = batch_run::answer(shared, vec![held]).await;
    if answered.passed() > 0 {
        shared.destination.answered();
    }
    if let Some(failure) = answered.unavailable() {
        shared.destination.unavailable(failure);
    }
    let plan = shared.plan(answered.outcomes);
    shared.count(plan.counts);
    let mut given_back: Vec<_> = plan.given_back.into_iter().map(|(held, _)| held).collect();
    for publication in plan.publications {
        // It has answered: that the broker does not take what follows is no fault of its own.
        if let Err(held) = settle(shared, publication).await {
            given_back.push(held);
        }
    }
    let mut judged = Judged::Next;
    for held in given_back {
        judged = Judged::Pause;
        // A requeue would count against it as a crash does; a fresh message starts at none.
        if settle(shared, shared.suspect(held)).await.is_err() {
            return Judged::Unsettled;
        }
    }
    judged
}

/// Answers the delivery where the broker did not take what stands for it.
async fn settle(shared: &Arc<Shared>, publication: Publication) -> Result<(), Held> {
    let confirmation = confirm(shared.clone(), publication).await;
    let publication = confirmation.publication;
    if !confirmation.confirmed {
        return Err(publication.held);
    }
    if publication.end != End::Suspect {
        shared.ended(&publication);
    }
    Ok(())
}
