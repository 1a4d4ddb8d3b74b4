//! Memory for messages whose callers wait: shared out without waiting, given back by dropping.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::broker::Message;

/// What a message takes beside its body: properties, headers, its place in the lanes.
const OVERHEAD: usize = 1024;

#[derive(Debug)]
pub(super) struct Room {
    used: Arc<AtomicUsize>,
    limit: usize,
}

/// The share of one message.
#[derive(Debug)]
pub(super) struct Share {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Room {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            used: Arc::default(),
            limit,
        }
    }

    /// Room for a message; a single one always finds it.
    pub(super) fn share(&self, message: &Message) -> Option<Share> {
        let bytes = message.body.len().saturating_add(OVERHEAD);
        let share = |used: usize| {
            let total = used.saturating_add(bytes);
            (used == 0 || total <= self.limit).then_some(total)
        };
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, share)
            .ok()?;
        Some(Share {
            used: Arc::clone(&self.used),
            bytes,
        })
    }
}
