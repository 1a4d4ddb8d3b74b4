//! Where health, readiness and metrics look.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::OutboxError;
use super::rows::Backlog;
use crate::broker::PublishError;

/// What can be seen of a relay, kept up to date by it.
#[derive(Debug)]
pub struct Monitor {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    seen: Snapshot,
    heartbeat: Instant,
}

/// A relay at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Whether the database is connected and the table is there.
    pub connected: bool,
    /// It was, at some time.
    pub was_connected: bool,
    /// Why it is not connected.
    pub database_problem: Option<OutboxError>,
    /// Why the broker takes nothing at the moment.
    pub publish_problem: Option<PublishError>,
    /// The reason for which most rows cannot be published, while the flood guard stops them.
    pub flood: Option<&'static str>,
    /// Rows that wait, of all relays; counted up to 100,000.
    pub waiting: u64,
    /// Age of the oldest of them.
    pub oldest: Duration,
    /// Rows set aside and still there; counted up to 100,000.
    pub set_aside: u64,
    /// Slots held.
    pub slots: usize,
    /// Relays of this table, this one included.
    pub relays: usize,
    /// Rows published by this relay.
    pub published: u64,
    /// Rows set aside by this relay.
    pub refused: u64,
    /// Whether the end was asked for.
    pub draining: bool,
    /// Time since the relay showed that it goes on.
    pub heartbeat_age: Duration,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                seen: Snapshot::default(),
                heartbeat: Instant::now(),
            }),
        }
    }
}

impl Monitor {
    /// The relay at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.state();
        Snapshot {
            heartbeat_age: state.heartbeat.elapsed(),
            ..state.seen.clone()
        }
    }

    pub(super) fn beat(&self) {
        self.state().heartbeat = Instant::now();
    }

    pub(super) fn connected(&self) {
        self.update(|seen| {
            (seen.connected, seen.was_connected) = (true, true);
            seen.database_problem = None;
        });
    }

    pub(super) fn disconnected(&self, error: &OutboxError) {
        self.update(|seen| {
            seen.connected = false;
            seen.database_problem = Some(error.clone());
            (seen.slots, seen.relays) = (0, 0);
        });
    }

    pub(super) fn shares(&self, slots: usize, relays: usize) {
        self.update(|seen| (seen.slots, seen.relays) = (slots, relays));
    }

    pub(super) fn counted(&self, backlog: Backlog) {
        self.update(|seen| {
            seen.waiting = backlog.waiting;
            seen.oldest = backlog.oldest;
            seen.set_aside = backlog.set_aside;
        });
    }

    pub(super) fn published(&self, rows: usize) {
        self.update(|seen| seen.published += u64::try_from(rows).unwrap_or(u64::MAX));
    }

    pub(super) fn refused(&self) {
        self.update(|seen| {
            seen.refused += 1;
            seen.set_aside += 1;
        });
    }

    pub(super) fn publish_problem(&self, problem: Option<PublishError>) {
        self.update(|seen| seen.publish_problem = problem);
    }

    pub(super) fn flood(&self, code: Option<&'static str>) {
        self.update(|seen| seen.flood = code);
    }

    pub(super) fn draining(&self) {
        self.update(|seen| seen.draining = true);
    }

    fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.state().seen);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
