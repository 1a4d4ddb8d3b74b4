//! What has to outlive the process: changes since the last write, and what waits for it.
//!
//! The seam between the broker's logic and its storage. `State` notes here what happens and
//! never waits; `writer` takes a [`Batch`], writes it into the `store` with one fsync, and
//! tells the state. In memory nothing is noted and nothing waits: everything else is shared.
//!
//! Invariant: a message enters its queue, and its publisher learns of it, once it is written;
//! a delivery reaches its consumer once the hand-out is written, so that it counts even
//! where the consumer takes the process down.

mod record;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;

pub(super) use record::{Loaded, LoadedQueue, Place};
pub(super) use store::Store;
pub(super) use writer::spawn;

use super::entry::Entry;
use super::queue::Spec;
use crate::broker::PublishError;
use crate::telemetry::{Outages, log};

/// Messages on their way into their queues.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Queue and entry.
    pub(super) entries: Vec<(Arc<str>, Entry)>,
    /// Who published, with the answer once it is written; `None` for what moves between
    /// queues and must not get lost.
    pub(super) confirm: Option<Confirm>,
}

#[derive(Debug)]
pub(super) struct Confirm {
    pub(super) to: oneshot::Sender<Result<(), PublishError>>,
    /// One of the queues of a fanout has refused.
    pub(super) refused: bool,
}

/// Something that happened to a queue or to an entry known by queue number and id.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// A queue was declared, or its arguments have changed.
    Declared(u32, Arc<Spec>),
    /// A queue was deleted with everything in it.
    Deleted(u32),
    /// Settled, purged, dead-lettered.
    Gone(u32, u64),
    /// Came back, or was handed out again.
    Placed(u32, u64, Place),
}

/// What is written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) arrivals: Vec<Arrival>,
    /// In order.
    pub(super) changes: Vec<Change>,
    /// Queue number and level → last id handed out for the first time.
    pub(super) handed: BTreeMap<(u32, bool), u64>,
    /// Who wants to know that all of this is written.
    pub(super) flushes: Vec<oneshot::Sender<()>>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
            && self.changes.is_empty()
            && self.handed.is_empty()
            && self.flushes.is_empty()
    }
}

/// The journal as the state sees it.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Whether anything is kept at all.
    durable: bool,
    pub(super) batch: Batch,
    /// Number of the batch being filled.
    filling: u64,
    /// Number of the last one written.
    written: u64,
    last_position: u64,
    /// Bytes all entries take in memory, and how many they may.
    used: u64,
    limit: u64,
    /// Why storage refuses, while it does.
    pub(super) trouble: Option<String>,
    pub(super) outage: Outages,
    /// No more clients; what is noted is still written.
    pub(super) closing: bool,
}

impl Journal {
    /// One that is written; entries may take so many bytes in memory.
    pub(super) fn durable(limit: u64, last_position: u64) -> Self {
        Self {
            durable: true,
            filling: 1,
            limit,
            last_position,
            ..Self::default()
        }
    }

    pub(super) fn is_durable(&self) -> bool {
        self.durable
    }

    fn note(&mut self, change: Change) {
        if self.durable {
            self.batch.changes.push(change);
        }
    }

    pub(super) fn declared(&mut self, number: u32, spec: &Spec) {
        if self.durable {
            self.note(Change::Declared(number, Arc::new(spec.clone())));
        }
    }

    pub(super) fn deleted(&mut self, number: u32) {
        self.note(Change::Deleted(number));
    }

    /// Counts an entry that is being taken in.
    pub(super) fn take_in(&mut self, entry: &Entry) {
        if self.durable {
            self.used = self.used.saturating_add(entry.cost());
        }
    }

    /// An entry has left for good.
    pub(super) fn gone(&mut self, entry: &Entry) {
        self.forget(entry);
        self.note(Change::Gone(entry.home, entry.id));
    }

    /// An entry no longer takes memory.
    pub(super) fn forget(&mut self, entry: &Entry) {
        if self.durable {
            self.used = self.used.saturating_sub(entry.cost());
        }
    }

    /// Whether memory has room for this entry.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        !self.durable || self.used.saturating_add(bytes) <= self.limit
    }

    /// An entry has come back.
    pub(super) fn came_back(&mut self, home: u32, id: u64, returned: u64) {
        self.last_position += 1;
        let place = Place {
            returned,
            position: self.last_position,
            held: false,
        };
        self.note(Change::Placed(home, id, place));
    }

    /// An entry is handed out. Answers the batch that has to be written before it may reach
    /// the consumer.
    pub(super) fn handed_out(&mut self, entry: &Entry, high: bool) -> u64 {
        if self.durable {
            if entry.returned == 0 {
                let last = self.batch.handed.entry((entry.home, high)).or_default();
                *last = entry.id.max(*last);
            } else {
                let place = Place {
                    returned: entry.returned,
                    position: 0,
                    held: true,
                };
                self.note(Change::Placed(entry.home, entry.id, place));
            }
        }
        self.filling
    }

    /// Number of the last batch written. In memory all is.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Takes what is to be written, and its number.
    pub(super) fn take(&mut self) -> (u64, Batch) {
        let number = self.filling;
        self.filling += 1;
        (number, std::mem::take(&mut self.batch))
    }

    pub(super) fn has_written(&mut self, number: u64) {
        self.written = number;
        self.trouble = None;
        if let Some(told) = self.outage.over("") {
            log::local_store_takes(told);
        }
    }

    /// Puts back in front what could not be written.
    pub(super) fn put_back(&mut self, mut failed: Batch) {
        failed.arrivals.append(&mut self.batch.arrivals);
        failed.changes.append(&mut self.batch.changes);
        failed.flushes.append(&mut self.batch.flushes);
        for (level, id) in std::mem::take(&mut self.batch.handed) {
            let last = failed.handed.entry(level).or_default();
            *last = id.max(*last);
        }
        self.batch = failed;
    }
}
