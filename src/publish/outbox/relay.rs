//! A relay: connects, again and again, and works as long as it is connected (`shift`).

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::error::OutboxError;
use super::flood::Flood;
use super::monitor::Monitor;
use super::session::Session;
use super::shift::Shift;
use super::slots::Slots;
use super::table::Table;
use crate::broker::Broker;
use crate::config::{BackoffPlan, Config, OutboxConfig};
use crate::publish::Stamper;
use crate::telemetry::{Outages, log};

/// A heartbeat at least so often, whatever is waited for.
pub(super) const BEAT_EVERY: Duration = Duration::from_secs(1);

/// Publishes what stands in the outbox.
pub struct Relay {
    pub(super) config: OutboxConfig,
    table: Table,
    backoff: BackoffPlan,
    pub(super) flood: Flood,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) stamper: Stamper,
    pub(super) window: usize,
    pub(super) monitor: Arc<Monitor>,
    pub(super) until_empty: Option<Duration>,
    away: Outages,
    pub(super) refused: Outages,
    /// By reason code.
    pub(super) aside: Outages,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

/// How a relay ended that was not broken off by an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to.
    Stopped,
    /// No row waits.
    Empty,
    /// Rows wait and cannot be published, for this reason.
    Stuck(String),
}

impl Relay {
    /// A relay of the configured table to the exchange of `stamper`.
    pub fn new(config: &Config, broker: Arc<dyn Broker>, stamper: Stamper) -> Self {
        Self {
            table: Table::of(&config.outbox),
            config: config.outbox.clone(),
            backoff: config.broker.backoff.clone(),
            flood: Flood::new(config.flood_guard.clone()),
            broker,
            stamper,
            window: config.broker.confirm_window,
            monitor: Arc::default(),
            until_empty: None,
            away: Outages::default(),
            refused: Outages::default(),
            aside: Outages::default(),
        }
    }

    /// Ends once no row waits, or when broker or database are away for longer than this.
    #[must_use]
    pub fn until_empty(mut self, stuck_after: Duration) -> Self {
        self.until_empty = Some(stuck_after);
        self
    }

    /// Where to look at it.
    pub fn monitor(&self) -> Arc<Monitor> {
        Arc::clone(&self.monitor)
    }

    /// Runs until `stop` is cancelled: then no further row is begun, what is on its way is
    /// confirmed and marked. Dropping the future is a crash: nothing is lost, and what was
    /// not marked is published again.
    ///
    /// # Errors
    /// The settings cannot be used; the database refuses user or table before it was ever
    /// usable; the broker is given up.
    pub async fn run(mut self, stop: &CancellationToken) -> Result<Ended, OutboxError> {
        let monitor = self.monitor();
        // At once: what is on its way may take a while.
        let noted = async {
            stop.cancelled().await;
            monitor.draining();
            pending::<Infallible>().await
        };
        tokio::select! {
            biased;
            never = noted => match never {},
            ended = self.go_on(stop) => ended,
        }
    }

    async fn go_on(&mut self, stop: &CancellationToken) -> Result<Ended, OutboxError> {
        let mut failed = 0;
        let mut away: Option<Instant> = None;
        loop {
            let error = match self.connected(stop).await {
                Ok(Some(ended)) => return Ok(ended),
                Ok(None) => return Ok(Ended::Stopped),
                Err(error) => error,
            };
            if self.monitor.snapshot().connected {
                (failed, away) = (0, None);
            }
            self.monitor.disconnected(&error);
            let hopeless = !error.is_temporary() && !self.monitor.snapshot().was_connected;
            if hopeless || matches!(error, OutboxError::Broker(_)) {
                return Err(error);
            }
            let since = *away.get_or_insert_with(Instant::now);
            if self
                .until_empty
                .is_some_and(|limit| since.elapsed() >= limit)
            {
                return Ok(Ended::Stuck(error.to_string()));
            }
            failed += 1;
            if let Some(told) = self.away.failed("") {
                log::outbox_away(&error, failed, told);
            }
            self.wait(self.backoff.jittered(failed, fastrand::f64()), stop)
                .await;
        }
    }

    /// One connection's life. `None` = stopped before there was one.
    async fn connected(&mut self, stop: &CancellationToken) -> Result<Option<Ended>, OutboxError> {
        self.monitor.beat();
        let session = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(None),
            session = Session::open(&self.config, &self.table) => session?,
        };
        let slots = Slots::join(&session, &self.table.lock_name()).await?;
        let first = !self.monitor.snapshot().was_connected;
        self.monitor.connected();
        let told = self.away.over("");
        if told.is_some() || first {
            log::outbox_connected(told);
        }
        let mut shift = Shift::new(&session, slots);
        let ended = loop {
            if stop.is_cancelled() {
                break Ended::Stopped;
            }
            if let Some(ended) = self.turn(&mut shift, stop).await? {
                break ended;
            }
        };
        shift.slots.leave().await?;
        Ok(Some(ended))
    }

    /// Waits, with a heartbeat, or until `stop`.
    pub(super) async fn wait(&self, time: Duration, stop: &CancellationToken) {
        let until = Instant::now() + time;
        loop {
            self.monitor.beat();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep(left.min(BEAT_EVERY)) => {}
            }
        }
    }
}
