//! Sends messages with confirm through a bounded window, tries again what may succeed, and
//! knows at the end which lines are safe.

use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeSet;
use std::iter;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::source::Item;
use super::tally::Tally;
use crate::broker::{Broker, Message, PublishError};
use crate::telemetry::Publication;

/// How long and how often a message is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPlan {
    /// Wait after the first failure; doubles with each further one. Default 200 ms.
    pub first: Duration,
    /// Longest wait. Default 5 s.
    pub longest: Duration,
    /// Time for one message, after which the run stops. Default 60 s: a broker that is
    /// restarted is back by then.
    pub give_up_after: Duration,
    /// Attempts for a message that no queue takes. Default 2: bindings may be about to be
    /// restored, but nobody routes it as a rule.
    pub unroutable_attempts: u32,
}

impl Default for RetryPlan {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(200),
            longest: Duration::from_secs(5),
            give_up_after: Duration::from_secs(60),
            unroutable_attempts: 2,
        }
    }
}

/// What became of a message.
enum Verdict {
    Published,
    /// It will not be taken however often it is tried; its neighbours may be.
    Refused(PublishError),
    /// It may be taken later; trying more lines now is pointless.
    GaveUp(PublishError),
}

/// What the caller is told while the run goes on.
#[derive(Debug)]
pub enum Notice<'a> {
    /// A line is settled; so many bytes of the input were read up to its end.
    Settled {
        /// Bytes.
        offset: u64,
        /// Every line up to this one is published or refused; 0 while none is.
        safe_line: u64,
    },
    /// A line is not published.
    Refused {
        /// Counted from 1.
        line: u64,
        /// Why, for people.
        reason: &'a dyn std::error::Error,
    },
}

/// Publishes `items` with at most `window` unconfirmed, in their order as long as nothing
/// fails. Ends when the input has, when a message was given up, or soon after `stop` is
/// cancelled: then what is in flight is waited for, without further attempts.
pub async fn send(
    broker: &dyn Broker,
    mut items: mpsc::Receiver<Item>,
    window: usize,
    plan: RetryPlan,
    stop: &CancellationToken,
    notify: &mut (dyn FnMut(Notice<'_>) + Send),
) -> Tally {
    let halt = stop.child_token();
    let mut tally = Tally::default();
    let mut in_flight = FuturesUnordered::new();
    let mut open = BTreeSet::new();
    let mut publication = None;
    let mut more = true;
    while more || !in_flight.is_empty() {
        tokio::select! {
            biased;
            () = halt.cancelled(), if more => more = false,
            Some((item_line, offset, verdict)) = in_flight.next(), if !in_flight.is_empty() => {
                if matches!(verdict, Verdict::GaveUp(_)) {
                    halt.cancel();
                }
                open.remove(&item_line);
                settle(&mut tally, item_line, verdict, notify);
                let safe_line = tally.safe_line(open.first());
                notify(Notice::Settled { offset, safe_line });
            }
            item = items.recv(), if more && in_flight.len() < window.max(1) => match item {
                None => (more, tally.ended) = (false, true),
                Some(Item { line, offset, message: Ok(mut message), budget }) => {
                    tally.taken(line);
                    publication.get_or_insert_with(|| begin(&message)).carry(&mut message);
                    open.insert(line);
                    let halt = &halt;
                    in_flight.push(async move {
                        let verdict = publish(broker, message, plan, halt).await;
                        drop(budget);
                        (line, offset, verdict)
                    });
                }
                Some(Item { line, offset, message: Err(problem), .. }) => {
                    tally.taken(line);
                    notify(Notice::Refused { line, reason: &problem });
                    tally.refused(line, problem.code(), &problem);
                    let safe_line = tally.safe_line(open.first());
                    notify(Notice::Settled { offset, safe_line });
                }
            },
        }
    }
    tally.interrupted = stop.is_cancelled() && !tally.ended;
    if let Some(publication) = publication {
        end(publication, &tally);
    }
    tally
}

/// One for the whole input: a trace per line would hide what belongs together.
fn begin(first: &Message) -> Publication {
    Publication::begin(&first.exchange, iter::empty::<Option<&str>>())
}

fn end(publication: Publication, tally: &Tally) {
    let count = |lines| usize::try_from(lines).unwrap_or(usize::MAX);
    let problem = tally.failures.first().or(tally.refusals.first());
    let code = problem.map(|problem| problem.code.as_str());
    publication.end(count(tally.published), count(tally.refused), code);
}

fn settle(
    tally: &mut Tally,
    line: u64,
    verdict: Verdict,
    notify: &mut (dyn FnMut(Notice<'_>) + Send),
) {
    match verdict {
        Verdict::Published => tally.published += 1,
        Verdict::Refused(error) => {
            notify(Notice::Refused {
                line,
                reason: &error,
            });
            tally.refused(line, error.code(), &error);
        }
        Verdict::GaveUp(error) => tally.given_up(line, error.code(), &error),
    }
}

async fn publish(
    broker: &dyn Broker,
    message: Message,
    plan: RetryPlan,
    halt: &CancellationToken,
) -> Verdict {
    let started = Instant::now();
    let (mut attempt, mut wait) = (1, plan.first);
    loop {
        let error = match broker.publish(message.clone()).await {
            Ok(()) => return Verdict::Published,
            Err(error) => error,
        };
        match error {
            PublishError::TooLarge { .. }
            | PublishError::HeadersTooLarge { .. }
            | PublishError::Invalid(_) => return Verdict::Refused(error),
            PublishError::Unroutable { .. } if attempt >= plan.unroutable_attempts => {
                return Verdict::Refused(error);
            }
            PublishError::NoExchange(_) | PublishError::AccessRefused(_) => {
                return Verdict::GaveUp(error);
            }
            _ if started.elapsed() + wait > plan.give_up_after => return Verdict::GaveUp(error),
            _ => {}
        }
        tokio::select! {
            () = halt.cancelled() => return Verdict::GaveUp(error),
            () = sleep(wait) => {}
        }
        attempt += 1;
        wait = (wait * 2).min(plan.longest);
    }
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
