//! Order per subject: at most one message about a subject is on its way. Pure.
//!
//! Invariant: what is about a subject stands in one lane in the order it was accepted; a lane
//! holds either messages whose callers wait or such from the spool, never both.

use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use super::room::Share;
use crate::broker::Message;
use crate::publish::intake::{Accepted, NotAccepted};

/// Who waits for the answer about a message.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) to: oneshot::Sender<Result<Accepted, NotAccepted>>,
    /// Its share of the memory for messages whose callers wait.
    pub(super) room: Option<Share>,
}

impl Reply {
    /// Answers; the caller may have gone.
    pub(super) fn send(self, answer: Result<Accepted, NotAccepted>) {
        let _ = self.to.send(answer);
        drop(self.room);
    }
}

/// A message whose caller waits.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) subject: u64,
    pub(super) message: Message,
    pub(super) reply: Reply,
}

/// A message read from the spool.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) seq: u64,
    pub(super) subject: u64,
    pub(super) bytes: u64,
    pub(super) message: Message,
    /// How often no queue took it.
    pub(super) unroutable: u32,
}

/// Boxed: it moves through lanes, flights and back.
#[derive(Debug)]
pub(super) enum Item {
    Live(Box<Live>),
    Stored(Box<Stored>),
}

impl Item {
    pub(super) fn subject(&self) -> u64 {
        match self {
            Self::Live(live) => live.subject,
            Self::Stored(stored) => stored.subject,
        }
    }

    pub(super) fn message(&self) -> &Message {
        match self {
            Self::Live(live) => &live.message,
            Self::Stored(stored) => &stored.message,
        }
    }

    fn is_live(&self) -> bool {
        matches!(self, Self::Live(_))
    }
}

#[derive(Debug, Default)]
struct Lane {
    /// One is on its way.
    busy: bool,
    waiting: VecDeque<Item>,
}

#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<u64, Lane>,
    /// Subjects whose first message may go: of callers, and of the spool.
    live: VecDeque<u64>,
    stored: VecDeque<u64>,
    /// Whose turn it is where both have some.
    stored_next: bool,
    live_waiting: usize,
    stored_waiting: usize,
}

impl Lanes {
    /// Adds a message behind those about its subject.
    pub(super) fn push(&mut self, item: Item) {
        let (subject, live) = (item.subject(), item.is_live());
        let lane = self.lanes.entry(subject).or_default();
        let first = !lane.busy && lane.waiting.is_empty();
        lane.waiting.push_back(item);
        self.count(live, true);
        if first {
            self.make_ready(subject, live);
        }
    }

    /// Whether a message about this subject is on its way or waits to go.
    pub(super) fn holds(&self, subject: u64) -> bool {
        self.lanes.contains_key(&subject)
    }

    /// The next message to go; its lane is busy until [`Self::done`] or [`Self::put_back`].
    pub(super) fn take_next(&mut self) -> Option<Item> {
        self.stored_next = !self.stored_next;
        let order = [self.stored_next, !self.stored_next];
        for stored in order {
            let queue = if stored {
                &mut self.stored
            } else {
                &mut self.live
            };
            while let Some(subject) = queue.pop_front() {
                let Some(lane) = self.lanes.get_mut(&subject) else {
                    continue;
                };
                if lane.busy {
                    continue;
                }
                if let Some(item) = lane.waiting.pop_front() {
                    lane.busy = true;
                    self.count(item.is_live(), false);
                    return Some(item);
                }
            }
        }
        None
    }

    /// The message on its way about this subject is settled: the next may go.
    pub(super) fn done(&mut self, subject: u64) {
        let Some(lane) = self.lanes.get_mut(&subject) else {
            return;
        };
        lane.busy = false;
        match lane.waiting.front() {
            Some(next) => {
                let live = next.is_live();
                self.make_ready(subject, live);
            }
            None => {
                self.lanes.remove(&subject);
            }
        }
    }

    /// A message of the spool was not taken: it is the first of its lane again, and the first
    /// to be tried.
    pub(super) fn put_back(&mut self, stored: Box<Stored>) {
        let subject = stored.subject;
        let lane = self.lanes.entry(subject).or_default();
        lane.busy = false;
        lane.waiting.push_front(Item::Stored(stored));
        self.stored_waiting += 1;
        self.stored.push_front(subject);
    }

    /// Takes out the messages about this subject whose callers wait, in order.
    pub(super) fn take_live(&mut self, subject: u64) -> Vec<Live> {
        let Some(lane) = self.lanes.get_mut(&subject) else {
            return Vec::new();
        };
        let mut taken = Vec::new();
        let waiting = std::mem::take(&mut lane.waiting);
        for item in waiting {
            match item {
                Item::Live(live) => taken.push(*live),
                stored => lane.waiting.push_back(stored),
            }
        }
        if !lane.busy && lane.waiting.is_empty() {
            self.lanes.remove(&subject);
        }
        self.live_waiting -= taken.len();
        taken
    }

    /// Takes out every message whose caller waits and that does not wait for one on its way.
    pub(super) fn take_ready_live(&mut self) -> Vec<Live> {
        let subjects = std::mem::take(&mut self.live);
        let mut taken = Vec::new();
        for subject in subjects {
            if self.lanes.get(&subject).is_some_and(|lane| !lane.busy) {
                taken.append(&mut self.take_live(subject));
            }
        }
        taken
    }

    /// Takes out every message whose caller waits.
    pub(super) fn take_all_live(&mut self) -> Vec<Live> {
        let mut subjects: Vec<_> = self.lanes.keys().copied().collect();
        subjects.sort_unstable();
        subjects
            .into_iter()
            .flat_map(|subject| self.take_live(subject))
            .collect()
    }

    /// Forgets the messages of the spool that are not on their way.
    pub(super) fn drop_stored(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.waiting.retain(Item::is_live);
        }
        self.lanes
            .retain(|_, lane| lane.busy || !lane.waiting.is_empty());
        self.stored.clear();
        self.stored_waiting = 0;
    }

    /// Messages whose callers wait, those on their way not counted.
    pub(super) fn live_waiting(&self) -> usize {
        self.live_waiting
    }

    /// Messages of the spool in memory, those on their way not counted.
    pub(super) fn stored_waiting(&self) -> usize {
        self.stored_waiting
    }

    fn make_ready(&mut self, subject: u64, live: bool) {
        if live {
            self.live.push_back(subject);
        } else {
            self.stored.push_back(subject);
        }
    }

    fn count(&mut self, live: bool, more: bool) {
        let counter = if live {
            &mut self.live_waiting
        } else {
            &mut self.stored_waiting
        };
        if more {
            *counter += 1;
        } else {
            *counter = counter.saturating_sub(1);
        }
    }
}
