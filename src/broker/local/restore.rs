//! How the state starts from what the journal holds, and learns what was written.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use super::delivery::Unsettled;
use super::entry::Entry;
use super::journal::{Batch, Change, Journal, Loaded, LoadedQueue, Place};
use super::open::Recovery;
use super::queue::{Queue, Spec};
use super::state::{Slot, State};
use crate::broker::PublishError;
use crate::telemetry::log;
use crate::topology::Topology;

impl State {
    /// A state with what was found. Queues that the topology no longer names stay as they
    /// were, so that what is in them moves on; those it names get its arguments.
    pub(super) fn restored(
        topology: Topology,
        loaded: Loaded,
        memory: u64,
        now: Instant,
    ) -> (Self, Recovery) {
        let mut recovery = Recovery {
            existed: loaded.existed,
            closed: loaded.closed,
            ..Recovery::default()
        };
        let journal = Journal::durable(memory, loaded.last_position);
        let mut state = Self::without_queues(topology, journal);
        state.last_id = loaded.last_id;
        state.last_queue = loaded.last_queue;
        for queue in loaded.queues {
            state.restore_queue(queue, &mut recovery, now);
        }
        state.declare();
        state.run(now);
        (state, recovery)
    }

    fn restore_queue(&mut self, loaded: LoadedQueue, recovery: &mut Recovery, now: Instant) {
        let LoadedQueue {
            number,
            spec: stored,
            entries,
        } = loaded;
        let spec = match self.topology.queue(&stored.name) {
            Some(wanted) => Spec::new(wanted),
            None => {
                recovery.abandoned.push(stored.name.to_string());
                stored.clone()
            }
        };
        if spec != stored {
            self.journal.declared(number, &spec);
        }
        let name = Arc::clone(&spec.name);
        recovery.messages += entries.len();
        let mut queue = Queue::new(spec, number);
        let (mut returned, mut held) = (Vec::new(), Vec::new());
        for (mut entry, place) in entries {
            self.journal.take_in(&entry);
            entry.returned = place.map_or(0, |p| p.returned);
            match place {
                None => drop(queue.push(entry)),
                Some(Place { held: true, .. }) => held.push(entry),
                Some(place) => returned.push((place.position, entry)),
            }
        }
        returned.sort_by_key(|(position, _)| *position);
        for (_, entry) in returned {
            queue.put_back(entry);
        }
        let consumers = VecDeque::new();
        self.queues
            .insert(Arc::clone(&name), Slot { queue, consumers });
        recovery.redelivered += held.len();
        self.take_back(&name, held, now);
    }

    /// What was handed out when the process ended comes back as from a lost channel.
    fn take_back(&mut self, name: &Arc<str>, held: Vec<Entry>, now: Instant) {
        for entry in held {
            let unsettled = Unsettled::of(name, &entry, now);
            if let Some(slot) = self.queues.get_mut(name) {
                slot.queue.held.insert(entry.id, entry);
            }
            self.give_back(&unsettled, now);
        }
        self.dirty.insert(Arc::clone(name));
    }

    /// A batch is on disk: what waited for it goes on.
    pub(super) fn written(&mut self, number: u64, batch: Batch, now: Instant) {
        self.journal.has_written(number);
        for arrival in batch.arrivals {
            self.release(&arrival.entries);
            self.enqueue(arrival.entries, now);
            if let Some(confirm) = arrival.confirm {
                let answer = match confirm.refused {
                    true => Err(PublishError::Refused),
                    false => Ok(()),
                };
                // Whoever has stopped waiting does not want to know.
                let _ = confirm.to.send(answer);
            }
        }
        for flushed in batch.flushes {
            let _ = flushed.send(());
        }
        self.report_trouble();
        for channel in self.channels.values_mut() {
            channel.flush(now, self.journal.written());
        }
        self.run(now);
    }

    /// Storage has refused a batch: publishers are refused, the rest is kept for later.
    pub(super) fn not_written(&mut self, mut batch: Batch, reason: &str) {
        let (published, moved) = std::mem::take(&mut batch.arrivals)
            .into_iter()
            .partition(|arrival| arrival.confirm.is_some());
        batch.arrivals = moved;
        let published: Vec<super::journal::Arrival> = published;
        for arrival in published {
            self.release(&arrival.entries);
            for (_, entry) in &arrival.entries {
                self.journal.forget(entry);
                // It may be there after all.
                batch.changes.push(Change::Gone(entry.home, entry.id));
            }
            if let Some(confirm) = arrival.confirm {
                let _ = confirm.to.send(Err(PublishError::Refused));
            }
        }
        self.journal.put_back(batch);
        self.storage_lost(reason);
    }

    /// From now on publishers are refused.
    pub(super) fn storage_lost(&mut self, reason: &str) {
        if let Some(told) = self.journal.outage.failed("") {
            log::local_store_refuses(reason, told);
        }
        self.journal.trouble = Some(reason.to_owned());
        self.report_trouble();
    }

    /// Lets clients see whether storage takes anything.
    fn report_trouble(&mut self) {
        let trouble = &self.journal.trouble;
        for connection in self.connections.values() {
            connection.status.send_if_modified(|status| {
                let differs = status.blocked != *trouble;
                status.blocked.clone_from(trouble);
                differs
            });
        }
    }

    fn release(&mut self, entries: &[(Arc<str>, Entry)]) {
        for (target, entry) in entries {
            let slot = self.queues.get_mut(target);
            if let Some(slot) = slot.filter(|s| s.queue.number == entry.home) {
                slot.queue.release(entry.bytes());
            }
        }
    }
}
