//! Takes chosen messages out of a walk: published in their new place, confirmed, then
//! acknowledged, many side by side.
//!
//! Ended anywhere, by a signal, a lost broker or `kill -9`, a message is in its old place, its
//! new one, or both; the ledger of the projections absorbs both.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::bench::{Applied, CHUNK, Progress};
use super::error::DlqError;
use super::letter::DeadLetter;
use super::report::{ReplayReport, Stop};
use super::walk::{Tag, Walk};
use crate::broker::{Broker, Message, PublishError};

/// Messages on their way: below the confirm window of a connection, which is 500 by default.
const WINDOW: usize = 400;
/// What is made up for at once after a stall.
const BURST: Duration = Duration::from_millis(100);

/// What becomes of a dead letter.
pub(super) enum Fate {
    /// Meant, but left, for this reason.
    Spare(&'static str),
    /// Goes to its new place; counted under this queue.
    Send(Box<Message>, String),
    /// Goes for ever; counted under its queue of origin.
    Remove,
}

/// Where a message that was sent came from.
struct Sent {
    tag: Tag,
    queue: String,
    reason: String,
    outcome: Result<(), PublishError>,
}

/// What one pass is made of.
pub(super) struct Pass<'a> {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) applied: Option<&'a dyn Applied>,
    pub(super) limit: u64,
    pub(super) dry_run: bool,
    pub(super) stop: &'a CancellationToken,
    pub(super) progress: &'a mut dyn Progress,
    pub(super) pace: &'a mut Pace,
}

pub(super) struct Mover<'a> {
    pass: Pass<'a>,
    pub(super) report: ReplayReport,
    flights: FuturesUnordered<BoxFuture<'static, Sent>>,
    begun: u64,
}

/// So many a second; kept over all passes of a run.
pub(super) struct Pace {
    period: Duration,
    due: Instant,
}

impl Pace {
    pub(super) fn new(rate: Option<NonZeroU32>) -> Self {
        Self {
            period: rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.get()),
            due: Instant::now(),
        }
    }

    fn taken(&mut self) {
        let now = Instant::now();
        self.due = self.due.max(now.checked_sub(BURST).unwrap_or(now)) + self.period;
    }
}

impl<'a> Mover<'a> {
    pub(super) fn new(pass: Pass<'a>) -> Self {
        Self {
            pass,
            report: ReplayReport::default(),
            flights: FuturesUnordered::new(),
            begun: 0,
        }
    }

    /// Walks to the end, the limit or the stop. `read` makes the dead letter, `judge` says what
    /// becomes of it; the flag tells whether it is known to be applied. What ends it early
    /// stands in the report.
    pub(super) async fn run(
        &mut self,
        mut walk: Walk,
        read: impl Fn(Message) -> Option<DeadLetter>,
        judge: impl Fn(DeadLetter, bool) -> Fate,
    ) {
        let done = self.walk_on(&mut walk, read, judge).await;
        self.report.looked_at += walk.seen();
        self.report.incomplete |= walk.is_incomplete();
        if let Err(error) = done.and(walk.close().await) {
            let stop = Stop::Broker(error.to_string());
            self.report.stopped.get_or_insert(stop);
        }
    }

    async fn walk_on(
        &mut self,
        walk: &mut Walk,
        read: impl Fn(Message) -> Option<DeadLetter>,
        judge: impl Fn(DeadLetter, bool) -> Fate,
    ) -> Result<(), DlqError> {
        while self.goes_on() {
            let chunk = self.gather(walk, &read).await?;
            if chunk.is_empty() {
                break;
            }
            let applied = ask(self.pass.applied, &chunk).await?;
            for (index, (tag, letter)) in chunk.into_iter().enumerate() {
                if self.goes_on() {
                    let known = applied.get(index).copied().unwrap_or(false);
                    let reason = letter.reason.clone();
                    let origin = letter.origin.clone().unwrap_or_default();
                    let fate = judge(letter, known);
                    self.follow(walk, tag, fate, (origin, reason)).await?;
                }
            }
        }
        while let Some(sent) = self.flights.next().await {
            self.settle(walk, sent).await?;
        }
        Ok(())
    }

    fn goes_on(&mut self) -> bool {
        if self.pass.stop.is_cancelled() {
            self.report.stopped.get_or_insert(Stop::Asked);
        }
        self.report.stopped.is_none() && self.begun < self.pass.limit
    }

    /// The next of those meant; none at the end.
    async fn gather(
        &mut self,
        walk: &mut Walk,
        read: &impl Fn(Message) -> Option<DeadLetter>,
    ) -> Result<Vec<(Tag, DeadLetter)>, DlqError> {
        let most = if self.pass.applied.is_some() {
            CHUNK
        } else {
            1
        };
        let mut chunk = Vec::new();
        while chunk.len() < most && !self.pass.stop.is_cancelled() {
            while walk.is_full()
                && let Some(sent) = self.flights.next().await
            {
                self.settle(walk, sent).await?;
            }
            let Some(held) = walk.next().await? else {
                break;
            };
            self.pass
                .progress
                .at(walk.seen(), walk.ready(), self.report.done);
            let tag = held.tag();
            if let Some(letter) = read(held.delivery.message) {
                chunk.push((tag, letter));
            }
            self.settle_what_is_done(walk).await?;
        }
        Ok(chunk)
    }

    async fn follow(
        &mut self,
        walk: &mut Walk,
        tag: Tag,
        fate: Fate,
        (origin, reason): (String, String),
    ) -> Result<(), DlqError> {
        let (message, queue) = match fate {
            Fate::Spare(why) => {
                self.report.leave(why);
                return Ok(());
            }
            Fate::Send(message, queue) => (Some(message), queue),
            Fate::Remove => (None, origin),
        };
        self.begun += 1;
        if self.pass.dry_run {
            self.report.count(&queue, &reason);
            return Ok(());
        }
        if !self.turn(walk).await? {
            return Ok(());
        }
        let Some(message) = message else {
            walk.ack(tag).await?;
            self.report.count(&queue, &reason);
            return Ok(());
        };
        while self.flights.len() >= WINDOW
            && let Some(sent) = self.flights.next().await
        {
            self.settle(walk, sent).await?;
        }
        let broker = Arc::clone(&self.pass.broker);
        let sending = async move {
            let outcome = broker.publish(*message).await;
            Sent {
                tag,
                queue,
                reason,
                outcome,
            }
        };
        self.flights.push(sending.boxed());
        // The first poll sets it on its way.
        self.settle_what_is_done(walk).await
    }

    /// Waits for its turn at the rate asked for; `false` where it was stopped meanwhile.
    async fn turn(&mut self, walk: &mut Walk) -> Result<bool, DlqError> {
        if self.pass.pace.period.is_zero() {
            return Ok(true);
        }
        loop {
            let sent = tokio::select! {
                biased;
                () = self.pass.stop.cancelled() => return Ok(false),
                () = sleep_until(self.pass.pace.due) => break,
                Some(sent) = self.flights.next() => sent,
            };
            self.settle(walk, sent).await?;
        }
        self.pass.pace.taken();
        Ok(true)
    }

    async fn settle_what_is_done(&mut self, walk: &mut Walk) -> Result<(), DlqError> {
        while let Some(Some(sent)) = self.flights.next().now_or_never() {
            self.settle(walk, sent).await?;
        }
        Ok(())
    }

    async fn settle(&mut self, walk: &mut Walk, sent: Sent) -> Result<(), DlqError> {
        match sent.outcome {
            Ok(()) => {
                walk.ack(sent.tag).await?;
                self.report.count(&sent.queue, &sent.reason);
            }
            Err(error) => {
                *self.report.failed.entry(error.code()).or_default() += 1;
                if concerns_all(&error) {
                    let stop = Stop::Broker(error.to_string());
                    self.report.stopped.get_or_insert(stop);
                }
            }
        }
        Ok(())
    }
}

async fn ask(
    applied: Option<&dyn Applied>,
    chunk: &[(Tag, DeadLetter)],
) -> Result<Vec<bool>, DlqError> {
    let Some(applied) = applied else {
        return Ok(Vec::new());
    };
    let letters: Vec<_> = chunk.iter().map(|(_, letter)| letter).collect();
    applied.applied(&letters).await.map_err(DlqError::Refused)
}

/// Whether the next message would be refused as well.
pub(super) fn concerns_all(error: &PublishError) -> bool {
    matches!(
        error,
        PublishError::Refused
            | PublishError::AccessRefused(_)
            | PublishError::NotConnected(_)
            | PublishError::TimedOut(_)
    )
}
