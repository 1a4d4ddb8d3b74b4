//! Publishes a batch of rows: aggregates side by side, the rows of one after the other.

use std::collections::HashMap;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::message::{Refusal, message};
use super::rows::Row;
use crate::broker::{Broker, Message, PublishError};
use crate::publish::Stamper;
use crate::telemetry::Publication;

/// No row is begun after this time: the rest belongs to the next batch, which also sees what
/// other aggregates have written meanwhile.
const LONGEST: Duration = Duration::from_secs(1);
/// Attempts for a message that no queue takes, as `fanout publish` has them: bindings may be
/// about to be restored.
const UNROUTABLE_ATTEMPTS: u32 = 2;
/// Wait between these attempts.
const UNROUTABLE_WAIT: Duration = Duration::from_millis(200);

/// What became of a batch. A row that is in none of the lists was not begun, or nobody knows
/// whether it has arrived: it still waits.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Positions of confirmed rows.
    pub(super) published: Vec<i64>,
    /// Rows that cannot be published.
    pub(super) refused: Vec<(i64, Refusal)>,
    /// What ended the batch early, which is no fault of a row.
    pub(super) problem: Option<PublishError>,
}

/// Publishes `rows` with at most `window` unconfirmed. Ends early, after what is on its way,
/// when `halt` is cancelled or the broker takes no more.
pub(super) async fn publish(
    broker: &dyn Broker,
    stamper: &Stamper,
    rows: Vec<Row>,
    window: usize,
    halt: &CancellationToken,
) -> Outcome {
    let until = Instant::now() + LONGEST;
    let halt = halt.child_token();
    let carried = rows.iter().map(Row::trace_parent);
    let publication = Publication::begin(&stamper.exchange, carried);
    let sender = Sender {
        broker,
        stamper,
        publication: &publication,
    };
    let chains = by_aggregate(rows)
        .into_iter()
        .map(|rows| sender.chain(rows, until, &halt));
    let mut running = stream::iter(chains).buffer_unordered(window.max(1));
    let mut whole = Outcome::default();
    while let Some(part) = running.next().await {
        whole.published.extend(part.published);
        whole.refused.extend(part.refused);
        whole.problem = whole.problem.or(part.problem);
    }
    drop(running);
    let refused = whole.refused.first().map(|(_, refusal)| refusal.code);
    let code = whole.problem.as_ref().map(PublishError::code).or(refused);
    publication.end(whole.published.len(), whole.refused.len(), code);
    whole
}

/// Rows of each aggregate, in their order.
fn by_aggregate(rows: Vec<Row>) -> Vec<Vec<Row>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut chains: Vec<Vec<Row>> = Vec::new();
    for row in rows {
        let place = places.get(&row.aggregate).copied();
        match place.and_then(|place| chains.get_mut(place)) {
            Some(chain) => chain.push(row),
            None => {
                places.insert(row.aggregate.clone(), chains.len());
                chains.push(vec![row]);
            }
        }
    }
    chains
}

/// Where rows of a batch go.
#[derive(Clone, Copy)]
struct Sender<'a> {
    broker: &'a dyn Broker,
    stamper: &'a Stamper,
    publication: &'a Publication,
}

impl Sender<'_> {
    async fn chain(self, rows: Vec<Row>, until: Instant, halt: &CancellationToken) -> Outcome {
        let mut outcome = Outcome::default();
        for row in rows {
            if halt.is_cancelled() || Instant::now() >= until {
                break;
            }
            let confirmed = match message(&row, self.stamper) {
                Ok(mut message) => {
                    self.publication.carry(&mut message);
                    confirm(self.broker, message, halt).await
                }
                Err(refusal) => Err(Stop::Refused(refusal)),
            };
            match confirmed {
                Ok(()) => outcome.published.push(row.position),
                Err(Stop::Refused(refusal)) => outcome.refused.push((row.position, refusal)),
                Err(Stop::Later(error)) => {
                    // Nothing else will fare better just now.
                    halt.cancel();
                    outcome.problem = Some(error);
                    break;
                }
            }
        }
        outcome
    }
}

enum Stop {
    /// It will not be taken however often it is tried.
    Refused(Refusal),
    /// It may be taken later.
    Later(PublishError),
}

async fn confirm(
    broker: &dyn Broker,
    message: Message,
    halt: &CancellationToken,
) -> Result<(), Stop> {
    let mut attempt = 1;
    loop {
        let error = match broker.publish(message.clone()).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        match error {
            PublishError::TooLarge { .. }
            | PublishError::HeadersTooLarge { .. }
            | PublishError::Invalid(_) => return Err(Stop::Refused(error.into())),
            PublishError::Unroutable { .. } if attempt >= UNROUTABLE_ATTEMPTS => {
                return Err(Stop::Refused(error.into()));
            }
            PublishError::Unroutable { .. } => {}
            error => return Err(Stop::Later(error)),
        }
        tokio::select! {
            () = halt.cancelled() => return Err(Stop::Later(error)),
            () = sleep(UNROUTABLE_WAIT) => attempt += 1,
        }
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
