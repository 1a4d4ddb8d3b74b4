//! What waits in a queue in order of arrival, on two levels of priority.
//!
//! As RabbitMQ's quorum queues: two of the high level for one of the normal level, so that
//! neither starves.

use std::collections::VecDeque;

use super::entry::Entry;

/// Deliveries of the high level for one of the normal level, while both have some.
const HIGH_IN_A_ROW: u8 = 2;

#[derive(Debug, Default)]
pub(super) struct Ready {
    high: VecDeque<Entry>,
    normal: VecDeque<Entry>,
    /// How many of the high level have overtaken the normal one since its last turn.
    overtaken: u8,
}

impl Ready {
    pub(super) fn len(&self) -> usize {
        self.high.len() + self.normal.len()
    }

    fn level(&mut self, high: bool) -> &mut VecDeque<Entry> {
        if high {
            &mut self.high
        } else {
            &mut self.normal
        }
    }

    pub(super) fn push(&mut self, entry: Entry, high: bool) {
        self.level(high).push_back(entry);
    }

    /// Puts it where it stood by its time of arrival.
    pub(super) fn restore(&mut self, entry: Entry, high: bool) {
        let level = self.level(high);
        let at = level.partition_point(|e| e.id < entry.id);
        level.insert(at, entry);
    }

    fn high_is_next(&self) -> bool {
        !self.high.is_empty() && (self.normal.is_empty() || self.overtaken < HIGH_IN_A_ROW)
    }

    /// The next to leave.
    pub(super) fn front(&self) -> Option<&Entry> {
        if self.high_is_next() {
            self.high.front()
        } else {
            self.normal.front()
        }
    }

    pub(super) fn pop(&mut self) -> Option<Entry> {
        if self.high_is_next() {
            self.overtaken = match self.normal.is_empty() {
                true => 0,
                false => self.overtaken + 1,
            };
            self.high.pop_front()
        } else {
            self.overtaken = 0;
            self.normal.pop_front()
        }
    }

    /// All of it, the high level first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.high.iter().chain(&self.normal)
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Entry> + '_ {
        self.overtaken = 0;
        self.high.drain(..).chain(self.normal.drain(..))
    }
}
