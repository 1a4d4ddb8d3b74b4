//! A lane: asks for admission, subscribes, runs an epoch, and starts over until drained.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::buffer::Buffer;
use super::destination::Admission;
use super::epoch::{Ended, Epoch};
use super::shared::Shared;
use super::shutdown::Shutdown;
use crate::broker::{BrokerError, Subscription};
use crate::telemetry::log;

/// Between two tries to subscribe while the broker is connected but refuses for the moment.
/// The supervisor of the connection has its own, longer plan.
const AGAIN: Duration = Duration::from_millis(200);
/// A waiting lane shows a heartbeat this often.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Runs a lane until it is drained.
///
/// # Errors
/// What trying again does not mend: access refused, or a queue with other arguments.
pub(super) async fn run(
    shared: Arc<Shared>,
    lane: usize,
    shutdown: Shutdown,
) -> Result<(), BrokerError> {
    let mut buffer = Buffer::new(shared.config.queue.batch.clone());
    while !shutdown.is_draining() {
        let Some(admission) = admitted(&shared, lane, &shutdown).await else {
            break;
        };
        let subscription = subscribe(&shared, lane, admission, &shutdown).await;
        let ended = match subscription {
            Ok(Some(subscription)) => {
                shared.monitor.consuming(lane, true);
                if let Some(told) = shared.trouble.consuming.over("") {
                    log::consumer_back(shared.queue(), told);
                }
                let epoch = Epoch::new(&shared, &shutdown, lane, admission, subscription, buffer);
                let (ended, left) = epoch.run().await;
                buffer = left;
                Ok(ended)
            }
            Ok(None) => Ok(Ended::Stopped),
            Err(error) => Err(error),
        };
        shared.monitor.consuming(lane, false);
        if admission == Admission::Trial {
            shared.destination.trial_ended();
        }
        if let Ended::Lost(error) = ended? {
            let error =
                error.map_or_else(|| "cancelled by the broker".to_owned(), |e| e.to_string());
            if let Some(told) = shared.trouble.consuming.failed("") {
                log::consumer_lost(shared.queue(), lane, &error, told);
            }
        }
    }
    Ok(())
}

/// Waits for admission; `None` once draining.
async fn admitted(shared: &Shared, lane: usize, shutdown: &Shutdown) -> Option<Admission> {
    let mut changes = shared.destination.changes();
    loop {
        shared.monitor.beat(lane);
        if let Some(admission) = shared.destination.try_admit() {
            return Some(admission);
        }
        tokio::select! {
            () = shutdown.draining() => return None,
            _ = changes.changed() => {}
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
    }
}

/// Subscribes; waits for the broker as long as it takes. `None` once draining, or when the
/// destination was shut meanwhile.
async fn subscribe(
    shared: &Shared,
    lane: usize,
    admission: Admission,
    shutdown: &Shutdown,
) -> Result<Option<Subscription>, BrokerError> {
    let prefetch = match admission {
        Admission::Full => shared.config.queue.effective_prefetch(),
        Admission::Trial => 1,
    };
    loop {
        let consume = beating(
            shared,
            lane,
            shared.broker.consume(shared.queue(), prefetch),
        );
        let answer = tokio::select! {
            () = shutdown.draining() => return Ok(None),
            answer = consume => answer,
        };
        match answer {
            Ok(subscription) => return Ok(Some(subscription)),
            Err(error) if error.is_temporary() || matches!(error, BrokerError::NotFound(_)) => {
                tracing::debug!(lane, %error, "cannot subscribe yet");
            }
            Err(error) => return Err(error),
        }
        if shared.destination.revoked(admission) {
            return Ok(None);
        }
        tokio::time::sleep_until(Instant::now() + AGAIN).await;
    }
}

/// Shows heartbeats while waiting for the broker.
async fn beating<T>(shared: &Shared, lane: usize, waiting: impl Future<Output = T>) -> T {
    tokio::pin!(waiting);
    loop {
        shared.monitor.beat(lane);
        tokio::select! {
            answer = &mut waiting => return answer,
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
    }
}
