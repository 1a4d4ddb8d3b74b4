//! What a relay does while it is connected: share out, take, publish, mark, look after the
//! table; and again.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::batch::{self, Outcome};
use super::error::OutboxError;
use super::relay::{BEAT_EVERY, Ended, Relay};
use super::rows::Row;
use super::session::Session;
use super::slots::Slots;
use crate::broker::ConnectionState;
use crate::telemetry::{self, log};

/// How often the table is counted and old rows are deleted.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// First wait after the broker took nothing; doubles up to the longest, as for a file that
/// is published.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Looks in a row that find no row waiting: one that is committed between two is seen.
const EMPTY_LOOKS: u32 = 2;
/// Wait between these looks.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What belongs to one connection.
pub(super) struct Shift<'s> {
    session: &'s Session,
    pub(super) slots: Slots<'s>,
    /// When the next look at the table is due, unless notified.
    look_at: Instant,
    counted: Option<Instant>,
    /// There may be old rows to delete.
    dusty: bool,
    pause: Duration,
    /// Looks in a row that found nothing.
    looks: u32,
    held_up: Option<Instant>,
}

impl<'s> Shift<'s> {
    /// Everything is due.
    pub(super) fn new(session: &'s Session, slots: Slots<'s>) -> Self {
        Self {
            session,
            slots,
            look_at: Instant::now(),
            counted: None,
            dusty: false,
            pause: FIRST_PAUSE,
            looks: 0,
            held_up: None,
        }
    }

    /// The wait after a problem; from the start again where something was published.
    fn longer_pause(&mut self, progress: bool) -> Duration {
        if progress {
            self.pause = FIRST_PAUSE;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

impl Relay {
    /// One batch, or a wait for the next.
    ///
    /// # Errors
    /// The connection is of no use any more, or the broker is given up.
    pub(super) async fn turn(
        &mut self,
        shift: &mut Shift<'_>,
        stop: &CancellationToken,
    ) -> Result<Option<Ended>, OutboxError> {
        self.monitor.beat();
        if shift.slots.balance().await? {
            shift.look_at = Instant::now();
        }
        self.monitor
            .shares(shift.slots.held().len(), shift.slots.members());
        self.chores(shift).await?;
        if let Some(obstacle) = self.obstacle()? {
            let ended = self.held_up(shift, obstacle);
            self.wait(FIRST_PAUSE, stop).await;
            return Ok(ended);
        }
        let left = shift.look_at.saturating_duration_since(Instant::now());
        if !left.is_zero() && !shift.dusty {
            self.rest(left, shift, stop).await?;
            return Ok(None);
        }
        let mut rows = self.take(shift).await?;
        if self.flood.tripped().is_some() {
            rows.truncate(1);
        }
        if rows.is_empty() {
            return self.idle(shift, stop).await;
        }
        shift.looks = 0;
        let outcome = self.publish(rows, shift, stop).await;
        self.settle(outcome, shift, stop).await
    }

    async fn take(&self, shift: &Shift<'_>) -> Result<Vec<Row>, OutboxError> {
        match shift.slots.held() {
            [] => Ok(Vec::new()),
            held => shift.session.take(held, self.stamper.limit).await,
        }
    }

    async fn publish(
        &self,
        rows: Vec<Row>,
        shift: &Shift<'_>,
        stop: &CancellationToken,
    ) -> Outcome {
        // Without the session the slots may be another's: begin nothing more.
        let halt = stop.child_token();
        let lost = shift.session.lost.clone();
        let publishing = batch::publish(&*self.broker, &self.stamper, rows, self.window, &halt);
        tokio::pin!(publishing);
        tokio::select! {
            outcome = &mut publishing => outcome,
            () = lost.cancelled() => {
                halt.cancel();
                (&mut publishing).await
            }
        }
    }

    /// Notes in the table what became of a batch.
    async fn settle(
        &mut self,
        outcome: Outcome,
        shift: &mut Shift<'_>,
        stop: &CancellationToken,
    ) -> Result<Option<Ended>, OutboxError> {
        shift.session.mark(&outcome.published).await?;
        let published = outcome.published.len();
        self.monitor.published(published);
        telemetry::outbox_published(published);
        (0..published).for_each(|_| self.flood.published());
        for (position, refusal) in &outcome.refused {
            if self.flood.may_set_aside(refusal.code) {
                shift.session.set_aside(*position, refusal).await?;
                self.monitor.refused();
                telemetry::outbox_set_aside(refusal.code);
                if let Some(suppressed) = self.aside.again(refusal.code) {
                    log::outbox_row_aside(*position, refusal.code, &refusal.reason, suppressed);
                }
            }
        }
        self.monitor.flood(self.flood.tripped());
        self.monitor.publish_problem(outcome.problem.clone());
        if let Some(problem) = outcome.problem {
            let exchange = &self.stamper.exchange;
            telemetry::publish_problem(exchange, problem.code());
            if let Some(told) = self.refused.failed("") {
                log::outbox_refused(exchange, &problem, told);
            }
            let ended = self.held_up(shift, problem.to_string());
            self.wait(shift.longer_pause(published > 0), stop).await;
            return Ok(ended);
        }
        (shift.pause, shift.held_up) = (FIRST_PAUSE, None);
        if let Some(told) = self.refused.over("") {
            log::outbox_taken(&self.stamper.exchange, told);
        }
        if let Some(code) = self.flood.tripped() {
            if self.until_empty.is_some() {
                let why = format!("most rows cannot be published: {code}");
                return Ok(Some(Ended::Stuck(why)));
            }
            self.wait(self.flood.pause(), stop).await;
        }
        Ok(None)
    }

    /// Nothing waits in our slots.
    async fn idle(
        &self,
        shift: &mut Shift<'_>,
        stop: &CancellationToken,
    ) -> Result<Option<Ended>, OutboxError> {
        shift.held_up = None;
        self.monitor.publish_problem(None);
        if self.until_empty.is_some() {
            let waits = shift.session.any_waits().await?;
            shift.looks = if waits { 0 } else { shift.looks + 1 };
            if shift.looks >= EMPTY_LOOKS {
                return Ok(Some(Ended::Empty));
            }
            self.wait(LOOK_AGAIN, stop).await;
            return Ok(None);
        }
        shift.look_at = Instant::now() + self.config.poll_every;
        Ok(None)
    }

    /// Waits for a notification, but no longer than until slots and table want looking after.
    async fn rest(
        &self,
        left: Duration,
        shift: &mut Shift<'_>,
        stop: &CancellationToken,
    ) -> Result<(), OutboxError> {
        let longest = match shift.slots.held() {
            // One may become free at any time.
            [] => LOOK_AGAIN,
            _ => BEAT_EVERY,
        };
        tokio::select! {
            () = shift.session.notified.notified() => {
                shift.look_at = Instant::now();
                Ok(())
            }
            () = shift.session.lost.cancelled() => {
                let lost = "the connection was lost".to_owned();
                Err(OutboxError::NotConnected(lost))
            }
            () = self.wait(left.min(longest), stop) => Ok(()),
        }
    }

    async fn chores(&self, shift: &mut Shift<'_>) -> Result<(), OutboxError> {
        if shift.counted.is_none_or(|at| at.elapsed() >= COUNT_EVERY) {
            self.monitor.counted(shift.session.count().await?);
            shift.counted = Some(Instant::now());
            shift.dusty = !self.config.keep.is_zero();
        }
        if shift.dusty {
            // A piece at a time: between two the rows that wait have their turn.
            shift.dusty = shift.session.clean(self.config.keep).await?;
        }
        Ok(())
    }

    /// What keeps the broker from taking anything.
    fn obstacle(&self) -> Result<Option<String>, OutboxError> {
        let status = self.broker.status().borrow().clone();
        if let Some(fatal) = status.fatal {
            return Err(OutboxError::Broker(fatal));
        }
        let away = status.state != ConnectionState::Connected;
        Ok(away.then(|| {
            let error = status.last_error.unwrap_or_else(|| "no answer".to_owned());
            format!("the broker is not connected: {error}")
        }))
    }

    fn held_up(&self, shift: &mut Shift<'_>, why: String) -> Option<Ended> {
        let since = *shift.held_up.get_or_insert_with(Instant::now);
        let limit = self.until_empty?;
        (since.elapsed() >= limit).then_some(Ended::Stuck(why))
    }
}
