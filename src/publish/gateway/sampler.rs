//! Looks at the queues now and then, so that their depths stand in the metrics.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{sleep, timeout};

use super::{Gateway, dlq};
use crate::broker::BrokerError;
use crate::operate::queues::{Oldest, QueueStatus, Statistics};
use crate::telemetry;

/// Between two looks; scrapers come about as often.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// One look may take so long.
const WITHIN: Duration = Duration::from_secs(10);

impl Gateway {
    /// Keeps the metrics of the queues fresh until dropped.
    pub async fn watch_queues(&self) {
        let mut oldest = Oldest::default();
        loop {
            let looked = timeout(WITHIN, self.look_at_queues(&mut oldest)).await;
            if let Err(error) = looked.unwrap_or(Err(BrokerError::TimedOut(WITHIN))) {
                telemetry::queues_unknown(error.code());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Puts into the metrics how the queues stand now. `oldest` is what earlier looks have
    /// learned; dead letters are only touched where that is not enough.
    ///
    /// # Errors
    /// The broker cannot be asked, or does not let the dead letters be read.
    pub async fn look_at_queues(&self, oldest: &mut Oldest) -> Result<(), BrokerError> {
        let statistics = Statistics::ask(&self.config).await.unwrap_or_default();
        let all = QueueStatus::ask_all(&*self.broker, &statistics, &self.config).await?;
        for queue in self.dlq.bench.queues() {
            if self.dlq.is_looked_into() {
                break;
            }
            let depth = self.broker.depth(queue).await?;
            if oldest.is_due(queue, depth)
                && let Some(first) = dlq::first(self, queue).await?
            {
                oldest.seen(queue, &first);
            }
        }
        let now = Timestamp::now();
        for queue in &all {
            telemetry::queue_state(queue, oldest.age(&queue.dead_letter_queue, now));
        }
        Ok(())
    }
}
