//! The file: what waits, and what was set aside.
//!
//! Synchronous; called by the storage thread only. Every write is one transaction with one
//! fsync: after a crash the file holds all of it or nothing.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::record::{self, Reason, SetAside};
use crate::broker::Message;

/// Goes up when a newer program writes what an older one cannot read.
const FORMAT: u64 = 1;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// Number → subject, message.
const WAITING: TableDefinition<'_, u64, (u64, &[u8])> = TableDefinition::new("waiting");
/// Number → reason, message.
const ASIDE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("aside");

/// Makes the database: a file, or what a test puts in its place.
pub(in super::super) type Opener = Box<dyn Fn() -> Result<Database, redb::DatabaseError> + Send>;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum StoreError {
    #[error("{0}")]
    Storage(String),
    #[error("damaged: {0}")]
    Damaged(String),
    #[error("format {0}")]
    Format(u64),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::Corrupted(what) => Self::Damaged(what),
            redb::Error::TableTypeMismatch { table, .. } => Self::Damaged(table),
            other => Self::Storage(other.to_string()),
        }
    }
}

/// A message to be written.
#[derive(Debug)]
pub(in super::super) struct Insert {
    pub(in super::super) seq: u64,
    pub(in super::super) subject: u64,
    pub(in super::super) row: Vec<u8>,
}

/// What is written together.
#[derive(Debug, Default)]
pub(in super::super) struct Batch {
    pub(in super::super) inserts: Vec<Insert>,
    /// Confirmed by the broker.
    pub(in super::super) gone: Vec<u64>,
    /// The broker will not take them.
    pub(in super::super) aside: Vec<(u64, Reason)>,
    /// Set aside before, and no longer wanted.
    pub(in super::super) forgotten: Vec<u64>,
}

impl Batch {
    pub(in super::super) fn is_empty(&self) -> bool {
        self.inserts.is_empty()
            && self.gone.is_empty()
            && self.aside.is_empty()
            && self.forgotten.is_empty()
    }
}

/// Which messages to read.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Page {
    pub(in super::super) from: u64,
    pub(in super::super) messages: usize,
    pub(in super::super) bytes: usize,
}

/// A message that was read.
#[derive(Debug)]
pub(in super::super) struct Found {
    pub(in super::super) seq: u64,
    pub(in super::super) subject: u64,
    pub(in super::super) bytes: u64,
    /// `None` where its bytes make no message.
    pub(in super::super) message: Option<Message>,
}

/// What was in the file when it was opened.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// Messages waiting, by subject.
    pub(super) parked: HashMap<u64, u32>,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) aside: u64,
    pub(super) aside_bytes: u64,
    /// Number of the first one waiting.
    pub(super) first: u64,
    /// Highest number given so far.
    pub(super) last: u64,
    pub(super) existed: bool,
    /// Whoever had it last has closed it.
    pub(super) closed: bool,
}

pub(in super::super) struct Store {
    opener: Opener,
    /// `None` after a failure, until it could be opened again.
    database: Option<Database>,
    /// Numbers of a write that failed: their callers were told so, and some of them may be
    /// in the file all the same.
    refuted: Option<RangeInclusive<u64>>,
}

impl Store {
    pub(super) fn open(opener: Opener) -> Result<(Self, Loaded), StoreError> {
        let database = opener()?;
        create(&database)?;
        let loaded = load(&database)?;
        let store = Self {
            opener,
            database: Some(database),
            refuted: None,
        };
        store.mark_closed(false)?;
        Ok((store, loaded))
    }

    /// Writes a batch with one fsync. After an error none of it counts.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let result = self.try_write(batch);
        if result.is_err() {
            // Opened anew at the next call, the file repairs itself.
            self.database = None;
            let numbers = batch.inserts.iter().map(|i| i.seq);
            if let (Some(first), Some(last)) = (numbers.clone().min(), numbers.max()) {
                let since = self.refuted.as_ref().map_or(first, |r| *r.start());
                self.refuted = Some(since.min(first)..=last);
            }
        }
        result
    }

    fn try_write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let refuted = self.refuted.clone();
        let transaction = self.database()?.begin_write()?;
        if let Some(refuted) = refuted {
            transaction
                .open_table(WAITING)?
                .retain_in(refuted, |_, _| false)?;
        }
        apply(&transaction, batch)?;
        transaction.commit()?;
        self.refuted = None;
        Ok(())
    }

    fn database(&mut self) -> Result<&Database, StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => (self.opener)()?,
        };
        Ok(self.database.insert(database))
    }

    /// Messages in their order.
    pub(super) fn page(&mut self, page: Page) -> Result<Vec<Found>, StoreError> {
        let refuted = self.refuted.clone();
        let transaction = self.database()?.begin_read()?;
        let table = transaction.open_table(WAITING)?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        for row in table.range(page.from..)? {
            if found.len() >= page.messages || bytes >= page.bytes {
                break;
            }
            let (seq, value) = row?;
            let (subject, row) = value.value();
            if refuted.as_ref().is_some_and(|r| r.contains(&seq.value())) {
                continue;
            }
            bytes += row.len();
            found.push(Found {
                seq: seq.value(),
                subject,
                bytes: size(row),
                message: record::decode(row),
            });
        }
        Ok(found)
    }

    /// The first messages set aside.
    pub(super) fn aside(&mut self, limit: usize) -> Result<Vec<SetAside>, StoreError> {
        let transaction = self.database()?.begin_read()?;
        let table = transaction.open_table(ASIDE)?;
        let rows = table.iter()?.take(limit);
        rows.map(|row| {
            let (seq, bytes) = row?;
            record::decode_aside(seq.value(), bytes.value())
        })
        .collect()
    }

    /// Says that everything is written, and closes the file.
    pub(super) fn close(mut self) {
        // What cannot be said now is found out at the next start.
        let _ = self.mark_closed(true);
        self.database = None;
    }

    fn mark_closed(&self, closed: bool) -> Result<(), StoreError> {
        if let Some(database) = &self.database {
            let transaction = database.begin_write()?;
            {
                let mut meta = transaction.open_table(META)?;
                meta.insert("format", FORMAT)?;
                meta.insert("closed", u64::from(closed))?;
            }
            transaction.commit()?;
        }
        Ok(())
    }
}

fn size(row: &[u8]) -> u64 {
    u64::try_from(row.len()).unwrap_or(u64::MAX)
}

fn apply(transaction: &WriteTransaction, batch: &Batch) -> Result<(), StoreError> {
    let mut waiting = transaction.open_table(WAITING)?;
    let mut aside = transaction.open_table(ASIDE)?;
    for insert in &batch.inserts {
        waiting.insert(insert.seq, (insert.subject, insert.row.as_slice()))?;
    }
    for seq in &batch.gone {
        waiting.remove(*seq)?;
    }
    for (seq, reason) in &batch.aside {
        if let Some(row) = waiting.remove(*seq)? {
            let bytes = record::encode_aside(reason, row.value().1)?;
            aside.insert(*seq, bytes.as_slice())?;
        }
    }
    for seq in &batch.forgotten {
        aside.remove(*seq)?;
    }
    Ok(())
}

/// Reads the account of everything, without the messages.
fn load(database: &Database) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded::default();
    let transaction = database.begin_read()?;
    let meta = transaction.open_table(META)?;
    if let Some(format) = meta.get("format")? {
        loaded.existed = true;
        if format.value() != FORMAT {
            return Err(StoreError::Format(format.value()));
        }
    }
    loaded.closed = meta.get("closed")?.is_some_and(|c| c.value() == 1);
    for row in transaction.open_table(WAITING)?.iter()? {
        let (seq, value) = row?;
        let (subject, bytes) = value.value();
        if loaded.messages == 0 {
            loaded.first = seq.value();
        }
        loaded.messages += 1;
        loaded.bytes += size(bytes);
        loaded.last = seq.value();
        *loaded.parked.entry(subject).or_default() += 1;
    }
    for row in transaction.open_table(ASIDE)?.iter()? {
        let (seq, bytes) = row?;
        loaded.aside += 1;
        loaded.aside_bytes += size(bytes.value());
        loaded.last = loaded.last.max(seq.value());
    }
    Ok(loaded)
}

/// Makes the tables.
fn create(database: &Database) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?;
    transaction.open_table(WAITING)?;
    transaction.open_table(ASIDE)?;
    transaction.commit()?;
    Ok(())
}
