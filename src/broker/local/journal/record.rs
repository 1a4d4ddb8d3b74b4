//! What is written, and what is read back at the start.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::entry::{Death, Entry};
use super::super::queue::Spec;
use crate::broker::Message;
use crate::redb_file::StoreError;

/// Where something stands that has been handed out before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Place {
    /// How often it has come back.
    pub(in super::super) returned: u64,
    /// Order among those that came back.
    pub(in super::super) position: u64,
    /// Handed out again at that moment.
    pub(in super::super) held: bool,
}

/// Now on both clocks: expiry must go on while no process runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    monotonic: Instant,
    wall: jiff::Timestamp,
}

impl Clock {
    pub(super) fn now() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: jiff::Timestamp::now(),
        }
    }

    fn to_wall(self, at: Instant) -> i64 {
        let ahead = at.saturating_duration_since(self.monotonic).as_millis();
        let ahead = i64::try_from(ahead).unwrap_or(i64::MAX);
        self.wall.as_millisecond().saturating_add(ahead)
    }

    fn to_monotonic(self, millis: i64) -> Option<Instant> {
        let ahead = millis.saturating_sub(self.wall.as_millisecond());
        let ahead = Duration::from_millis(u64::try_from(ahead).unwrap_or(0));
        self.monotonic.checked_add(ahead)
    }
}

/// An entry as its bytes.
#[derive(Serialize, Deserialize)]
struct Record<'a> {
    /// Milliseconds since the epoch.
    expires_at: Option<i64>,
    message: Cow<'a, Message>,
    deaths: Cow<'a, [Death]>,
}

pub(super) fn encode(entry: &Entry, clock: Clock) -> Result<Vec<u8>, StoreError> {
    let record = Record {
        expires_at: entry.expires_at.map(|at| clock.to_wall(at)),
        message: Cow::Borrowed(&*entry.message),
        deaths: Cow::Borrowed(&entry.deaths),
    };
    postcard::to_stdvec(&record).map_err(|e| StoreError::Damaged(format!("an entry: {e}")))
}

pub(super) fn decode(home: u32, id: u64, bytes: &[u8], clock: Clock) -> Result<Entry, StoreError> {
    let record: Record<'_> = postcard::from_bytes(bytes)
        .map_err(|e| StoreError::Damaged(format!("entry {id} of queue {home}: {e}")))?;
    Ok(Entry {
        id,
        home,
        message: Arc::new(record.message.into_owned()),
        expires_at: record.expires_at.and_then(|at| clock.to_monotonic(at)),
        returned: 0,
        deaths: record.deaths.into_owned(),
    })
}

/// A queue as it was found.
#[derive(Debug)]
pub(in super::super) struct LoadedQueue {
    pub(in super::super) number: u32,
    pub(in super::super) spec: Spec,
    /// By id. What was handed out has its [`Place`].
    pub(in super::super) entries: Vec<(Entry, Option<Place>)>,
}

/// All that was found.
#[derive(Debug, Default)]
pub(in super::super) struct Loaded {
    pub(in super::super) queues: Vec<LoadedQueue>,
    /// Highest numbers given so far.
    pub(in super::super) last_queue: u32,
    pub(in super::super) last_id: u64,
    pub(in super::super) last_position: u64,
    /// The store was there before.
    pub(in super::super) existed: bool,
    /// Whoever had it last has closed it.
    pub(in super::super) closed: bool,
}
