//! The account of a spool: how much is in it, whose, and what is to be read next. Pure.
//!
//! It counts what is being written as if it were there: room is promised once.

use std::collections::HashMap;

use super::store::{Found, Loaded, Page};
use crate::config::SpoolConfig;

/// Messages read from the file at once, and their bytes.
const PAGE_MESSAGES: usize = 2_000;
const PAGE_BYTES: usize = 8 << 20;

#[derive(Debug)]
pub(in super::super) struct Book {
    max_messages: u64,
    max_bytes: u64,
    /// Messages waiting, by subject; a subject without any is not in it.
    parked: HashMap<u64, u32>,
    messages: u64,
    bytes: u64,
    aside: u64,
    aside_bytes: u64,
    last: u64,
    /// Where reading goes on, and how many written ones are left there.
    cursor: u64,
    unread: u64,
}

impl Book {
    pub(super) fn new(config: &SpoolConfig, loaded: Loaded) -> Self {
        Self {
            max_messages: config.max_messages,
            max_bytes: config.max_bytes,
            parked: loaded.parked,
            messages: loaded.messages,
            bytes: loaded.bytes,
            aside: loaded.aside,
            aside_bytes: loaded.aside_bytes,
            last: loaded.last,
            cursor: loaded.first,
            unread: loaded.messages,
        }
    }

    /// Whether something about this subject waits: what comes now has to stand behind it.
    pub(in super::super) fn is_parked(&self, subject: u64) -> bool {
        self.parked.contains_key(&subject)
    }

    /// Room for a message: its number; `None` where there is none.
    pub(in super::super) fn reserve(&mut self, subject: u64, bytes: u64) -> Option<u64> {
        let messages = self.messages + self.aside + 1;
        let total = self.bytes.saturating_add(self.aside_bytes);
        if messages > self.max_messages || total.saturating_add(bytes) > self.max_bytes {
            return None;
        }
        self.messages += 1;
        self.bytes += bytes;
        self.last += 1;
        *self.parked.entry(subject).or_default() += 1;
        Some(self.last)
    }

    /// So many of those reserved are in the file.
    pub(in super::super) fn written(&mut self, messages: usize) {
        self.unread += u64::try_from(messages).unwrap_or(u64::MAX);
    }

    /// It has left, or it was reserved and could not be written.
    pub(in super::super) fn gone(&mut self, subject: u64, bytes: u64) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(count) = self.parked.get_mut(&subject) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.parked.remove(&subject);
            }
        }
    }

    /// It no longer waits and takes so many bytes beside the queue.
    pub(in super::super) fn set_aside(&mut self, subject: u64, bytes: u64, aside_bytes: u64) {
        self.gone(subject, bytes);
        self.aside += 1;
        self.aside_bytes = self.aside_bytes.saturating_add(aside_bytes);
    }

    /// One set aside is no longer kept.
    pub(in super::super) fn forgotten(&mut self, bytes: u64) {
        self.aside = self.aside.saturating_sub(1);
        self.aside_bytes = self.aside_bytes.saturating_sub(bytes);
    }

    /// What to read next, while so many messages are in memory.
    pub(in super::super) fn page(&self, loaded: usize) -> Option<Page> {
        (self.unread > 0 && loaded < PAGE_MESSAGES).then_some(Page {
            from: self.cursor,
            messages: PAGE_MESSAGES,
            bytes: PAGE_BYTES,
        })
    }

    /// These were read.
    pub(in super::super) fn read(&mut self, found: &[Found]) {
        let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
        self.unread = self.unread.saturating_sub(count);
        match found.last() {
            Some(last) => self.cursor = last.seq + 1,
            // The file holds less than was written: another hand. Reading on would spin.
            None => self.unread = 0,
        }
    }

    /// Messages that wait, and their bytes.
    pub(in super::super) fn waiting(&self) -> (u64, u64) {
        (self.messages, self.bytes)
    }

    /// Messages set aside.
    pub(in super::super) fn aside(&self) -> u64 {
        self.aside
    }
}
