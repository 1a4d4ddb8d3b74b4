//! Each event to the intake, in their order, some at once.

use std::future::{Ready, ready};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use axum::http::StatusCode;
use bytes::Bytes;
use futures::future::{BoxFuture, Either};
use futures::stream::{BoxStream, FuturesOrdered};
use futures::{FutureExt, StreamExt, poll};
use tokio::task::unconstrained;
use tokio::time::{Instant, timeout};

use super::super::Gateway;
use super::super::budget::Held;
use super::TRY_AGAIN;
use super::answer::{Rejected, Taken, Tally};
use super::lines::Line;
use super::terms::Terms;
use crate::broker::{Message, PublishError};
use crate::operate::HttpProblem;
use crate::publish::{BadLine, NotAccepted, RawEvent};

/// Events of one request that are being accepted at once: half of the default window of
/// confirms, so that one request does not keep all others waiting.
const WINDOW: usize = 256;

type Verdict = Result<Taken, Rejected>;
/// An event that was begun: its verdict, now or later.
type Begun<'g> = Either<Ready<Verdict>, BoxFuture<'g, Verdict>>;

/// Takes all of them and counts. After an event that the intake cannot take now, none of the
/// later ones is begun: they would overtake it.
pub(super) async fn all(gateway: &Gateway, terms: &Terms, events: BoxStream<'_, Line>) -> Tally {
    let halted = AtomicBool::new(false);
    let mut tally = Tally::default();
    let mut events = events.enumerate();
    let mut begun = FuturesOrdered::new();
    let mut more = true;
    while more || !begun.is_empty() {
        tokio::select! {
            biased;
            Some(verdict) = begun.next() => tally.count(verdict),
            next = events.next(), if more && begun.len() < WINDOW => match next {
                Some((index, line)) => {
                    begun.push_back(begin(gateway, terms, &halted, index, line).await);
                }
                None => more = false,
            },
        }
        // An intake that answers at once must not keep the thread.
        tokio::task::consume_budget().await;
    }
    tally
}

/// Begins one event before the next: the intake keeps the order in which it is first asked.
async fn begin<'g>(
    gateway: &'g Gateway,
    terms: &Terms,
    halted: &'g AtomicBool,
    index: usize,
    line: Line,
) -> Begun<'g> {
    let event = match halted.load(Ordering::Relaxed) {
        true => Err(Rejected::new(index, behind())),
        false => line.map_err(|problem| Rejected::new(index, problem)),
    };
    let message = event.and_then(|(body, held)| {
        let message = stamp(gateway, terms, index, body)?;
        Ok((message, held))
    });
    let (message, held) = match message {
        Ok(message) => message,
        Err(rejected) => return Either::Left(ready(Err(rejected))),
    };
    // Without tokio's budget: once it is spent, an intake would not notice being asked.
    let accepting = unconstrained(accept(gateway, index, message, held, halted));
    let mut accepting = accepting.boxed();
    match poll!(accepting.as_mut()) {
        Poll::Ready(verdict) => Either::Left(ready(verdict)),
        Poll::Pending => Either::Right(accepting),
    }
}

fn stamp(gateway: &Gateway, terms: &Terms, index: usize, body: Bytes) -> Result<Message, Rejected> {
    let bytes = body.len();
    let raw = RawEvent {
        body,
        headers: terms.headers.clone(),
        content_type: terms.content_type.clone(),
    };
    let rejected = |problem| Rejected::new(index, problem);
    let stamped = gateway.stamper.stamp_raw(raw, terms.id(index));
    let stamped = stamped.map_err(|bad| match bad {
        BadLine::TooLong { .. } => rejected(refused(&PublishError::TooLarge { bytes })),
        bad => rejected(unprocessable(&bad, bad.code())),
    })?;
    let (kind, payload) = (stamped.event.kind(), stamped.event.payload());
    let fits = gateway.schemas.check(kind, payload);
    fits.map_err(|bad| rejected(unprocessable(&bad, bad.code())))?;
    Ok(stamped.message)
}

fn unprocessable(why: &dyn std::fmt::Display, code: &'static str) -> HttpProblem {
    HttpProblem::new(StatusCode::UNPROCESSABLE_ENTITY, why.to_string()).with("code", code)
}

async fn accept(
    gateway: &Gateway,
    index: usize,
    message: Message,
    held: Held,
    halted: &AtomicBool,
) -> Verdict {
    let id = message.properties.message_id.clone().unwrap_or_default();
    let within = gateway.config.gateway.accept_timeout;
    let outcome = timeout(within, gateway.intake.accept(message)).await;
    drop(held);
    let late = || Err(NotAccepted::Broker(PublishError::TimedOut(within)));
    match outcome.unwrap_or_else(|_| late()) {
        Ok(accepted) => {
            gateway.has_room();
            Ok(Taken { id, accepted })
        }
        Err(error) => {
            let problem = gateway.not_accepted(&error);
            if problem.worth_retrying().is_some() {
                halted.store(true, Ordering::Relaxed);
            }
            Err(Rejected::new(index, problem).with_id(id))
        }
    }
}

impl Gateway {
    fn has_room(&self) {
        if self.full_until.borrow().is_some() {
            self.full_until.send_replace(None);
        }
    }

    fn not_accepted(&self, error: &NotAccepted) -> HttpProblem {
        let wait = match error {
            NotAccepted::Broker(error) => return refused(error),
            NotAccepted::Full { retry_after } => *retry_after,
            NotAccepted::Storage(_) | NotAccepted::ShuttingDown => TRY_AGAIN,
        };
        if !matches!(error, NotAccepted::ShuttingDown) {
            self.full_until.send_replace(Some(Instant::now() + wait));
        }
        HttpProblem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            .with("code", error.code())
            .retry_after(wait)
    }
}

/// What the broker refused: the client's to mend, or the operator's.
fn refused(error: &PublishError) -> HttpProblem {
    let status = match error {
        PublishError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        PublishError::HeadersTooLarge { .. }
        | PublishError::Invalid(_)
        | PublishError::Unroutable { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        PublishError::NoExchange(_)
        | PublishError::Refused
        | PublishError::AccessRefused(_)
        | PublishError::NotConnected(_)
        | PublishError::TimedOut(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let problem = HttpProblem::new(status, error.to_string()).with("code", error.code());
    match status {
        StatusCode::SERVICE_UNAVAILABLE => problem.retry_after(TRY_AGAIN),
        _ => problem,
    }
}

fn behind() -> HttpProblem {
    let detail = "an event before this one was not taken; send this one again behind it";
    HttpProblem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(TRY_AGAIN)
}
