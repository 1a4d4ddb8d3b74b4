//! Looks at the queues now and then, so that their depths stand in the metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::Gateway;
use crate::broker::BrokerError;
use crate::operate::queues::{self, QueueStatus, Statistics};
use crate::telemetry;

/// Between two looks; scrapers come about as often.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Between two looks at the first of the dead letters: each counts as a delivery of it.
const OLDEST_EVERY: Duration = Duration::from_secs(60);
/// One look may take so long.
const WITHIN: Duration = Duration::from_secs(10);

/// How old the first dead letter of each queue was, and when that was seen.
type Ages = BTreeMap<String, (Instant, Option<Duration>)>;

impl Gateway {
    /// Keeps the metrics of the queues fresh until dropped.
    pub async fn watch_queues(&self) {
        let mut ages = Ages::new();
        loop {
            let looked = timeout(WITHIN, self.look(&mut ages)).await;
            if let Err(error) = looked.unwrap_or(Err(BrokerError::TimedOut(WITHIN))) {
                telemetry::queues_unknown(error.code());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&self, ages: &mut Ages) -> Result<(), BrokerError> {
        let statistics = Statistics::ask(&self.config).await.unwrap_or_default();
        let all = QueueStatus::ask_all(&*self.broker, &statistics, &self.config).await?;
        let dead = all.iter().filter(|queue| queue.dead_letters > Some(0));
        let dead: BTreeSet<_> = dead.map(|queue| queue.dead_letter_queue.as_str()).collect();
        ages.retain(|queue, _| dead.contains(queue.as_str()));
        for queue in dead {
            let seen = ages.get(queue).map(|(at, _)| at.elapsed());
            if seen.is_none_or(|ago| ago >= OLDEST_EVERY) {
                let age = queues::oldest(&*self.broker, queue).await?;
                ages.insert(queue.to_owned(), (Instant::now(), age));
            }
        }
        for queue in &all {
            let seen = ages.get(&queue.dead_letter_queue);
            let age = seen.and_then(|(at, age)| Some((*age)? + at.elapsed()));
            telemetry::queue_state(queue, age);
        }
        Ok(())
    }
}
