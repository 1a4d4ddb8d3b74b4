//! The file: what waits, and what was set aside.
//!
//! Synchronous; called by the storage thread only. Every write is one transaction with one
//! fsync: after a crash the file holds all of it or nothing.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::record::{self, Reason, SetAside};
use crate::broker::Message;
use crate::redb_file::{Before, Opener, RedbFile, StoreError};

const FORMAT: u64 = 1;

/// Number → subject, message.
const WAITING: TableDefinition<'_, u64, (u64, &[u8])> = TableDefinition::new("waiting");
/// Number → reason, message.
const ASIDE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("aside");

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
    file: RedbFile,
    /// Numbers of a write that failed: their callers were told so, and some of them may be
    /// in the file all the same.
    refuted: Option<RangeInclusive<u64>>,
}

impl Store {
    pub(super) fn open(opener: Opener) -> Result<(Self, Loaded), StoreError> {
        let (file, loaded) = RedbFile::open(opener, FORMAT, create, load)?;
        let store = Self {
            file,
            refuted: None,
        };
        Ok((store, loaded))
    }

    /// Writes a batch with one fsync. After an error none of it counts.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let refuted = self.refuted.clone();
        let result = self.file.write(|transaction| {
            if let Some(refuted) = refuted {
                let mut waiting = transaction.open_table(WAITING)?;
                waiting.retain_in(refuted, |_, _| false)?;
            }
            apply(transaction, batch)
        });
        if result.is_ok() {
            self.refuted = None;
            return result;
        }
        let numbers = batch.inserts.iter().map(|i| i.seq);
        if let (Some(first), Some(last)) = (numbers.clone().min(), numbers.max()) {
            let since = self.refuted.as_ref().map_or(first, |r| *r.start());
            self.refuted = Some(since.min(first)..=last);
        }
        result
    }

    /// Messages in their order.
    pub(super) fn page(&mut self, page: Page) -> Result<Vec<Found>, StoreError> {
        let refuted = self.refuted.clone();
        let transaction = self.file.read()?;
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
        let transaction = self.file.read()?;
        let table = transaction.open_table(ASIDE)?;
        let rows = table.iter()?.take(limit);
        rows.map(|row| {
            let (seq, bytes) = row?;
            record::decode_aside(seq.value(), bytes.value())
        })
        .collect()
    }

    /// Says that everything is written, and closes the file.
    pub(super) fn close(self) {
        self.file.close();
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
fn load(transaction: &ReadTransaction, before: Before) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded {
        existed: before.existed,
        closed: before.closed,
        ..Loaded::default()
    };
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

fn create(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(WAITING)?;
    transaction.open_table(ASIDE)?;
    Ok(())
}
