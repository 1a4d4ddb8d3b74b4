//! Looks whether an operator has paused the queue.
//!
//! A message in `{queue}.pause` says so: it is the same for all workers of a queue and
//! outlives each of them. Only its presence counts here; `operate::queues` writes and reads it.

use std::time::Duration;

use tokio::time::sleep;

use super::shared::Shared;
use crate::telemetry::log;
use crate::topology::names;

/// Between two looks: consumption stops and goes on within this time.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// While the broker does not answer; no lane consumes before it has.
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// Where there is no such queue: with `topology = "none"` it need not exist, and each look
/// costs the broker a channel and a line in its log.
const LOOK_FOR_QUEUE: Duration = Duration::from_secs(60);

/// Tells the destination as long as the engine runs. Never returns.
pub(super) async fn watch(shared: &Shared) {
    let queue = names::pause(shared.queue());
    loop {
        let (paused, again) = match shared.broker.depth(&queue).await {
            Ok(Some(depth)) => (Some(depth.ready > 0), LOOK_EVERY),
            Ok(None) => (Some(false), LOOK_FOR_QUEUE),
            Err(error) if error.is_temporary() => (None, ASK_AGAIN),
            Err(error) => {
                if let Some(suppressed) = shared.trouble.pauses.again("") {
                    log::pause_unknown(shared.queue(), &error, suppressed);
                }
                (Some(false), LOOK_FOR_QUEUE)
            }
        };
        if let Some(paused) = paused {
            shared.destination.pause(paused);
        }
        sleep(again).await;
    }
}
