//! The journal on disk: a redb file.
//!
//! Synchronous; only `writer`, in a thread of its own, and the opening of a broker call it.

use std::collections::BTreeMap;

use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::super::queue::Spec;
use super::record::{Clock, Loaded, LoadedQueue, Place, decode, encode};
use super::{Batch, Change};
use crate::redb_file::{Before, Opener, RedbFile, StoreError};

const FORMAT: u64 = 1;

/// Number → arguments.
const QUEUES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("queues");
/// Queue number, id → message.
const ENTRIES: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("entries");
/// Queue number, id → returned, position, held.
const PLACES: TableDefinition<'_, (u32, u64), (u64, u64, bool)> = TableDefinition::new("places");
/// Queue number, level → last id handed out for the first time.
const HANDED: TableDefinition<'_, (u32, bool), u64> = TableDefinition::new("handed");

pub(in super::super) struct Store(RedbFile);

impl Store {
    pub(in super::super) fn open(opener: Opener) -> Result<(Self, Loaded), StoreError> {
        let (file, loaded) = RedbFile::open(opener, FORMAT, create, load)?;
        Ok((Self(file), loaded))
    }

    /// Writes a batch with one fsync. After an error none of it counts.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.0.write(|transaction| {
            write_entries(transaction, batch)?;
            write_changes(transaction, batch)
        })
    }

    /// Says that everything is written, and closes the file.
    pub(super) fn close(self) {
        self.0.close();
    }
}

fn write_entries(transaction: &WriteTransaction, batch: &Batch) -> Result<(), StoreError> {
    if batch.arrivals.is_empty() {
        return Ok(());
    }
    let mut table = transaction.open_table(ENTRIES)?;
    let clock = Clock::now();
    for (_, entry) in batch.arrivals.iter().flat_map(|a| &a.entries) {
        let bytes = encode(entry, clock)?;
        table.insert((entry.home, entry.id), bytes.as_slice())?;
    }
    Ok(())
}

fn write_changes(transaction: &WriteTransaction, batch: &Batch) -> Result<(), StoreError> {
    let mut tables = Tables {
        queues: transaction.open_table(QUEUES)?,
        entries: transaction.open_table(ENTRIES)?,
        places: transaction.open_table(PLACES)?,
        handed: transaction.open_table(HANDED)?,
    };
    for ((queue, high), id) in &batch.handed {
        tables.handed.insert((*queue, *high), *id)?;
    }
    for change in &batch.changes {
        tables.apply(change)?;
    }
    Ok(())
}

struct Tables<'t> {
    queues: Table<'t, u32, &'static [u8]>,
    entries: Table<'t, (u32, u64), &'static [u8]>,
    places: Table<'t, (u32, u64), (u64, u64, bool)>,
    handed: Table<'t, (u32, bool), u64>,
}

impl Tables<'_> {
    fn apply(&mut self, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::Declared(number, spec) => {
                let bytes = postcard::to_stdvec(&**spec)
                    .map_err(|e| StoreError::Damaged(format!("a queue: {e}")))?;
                self.queues.insert(*number, bytes.as_slice())?;
            }
            Change::Deleted(number) => {
                let number = *number;
                self.queues.remove(number)?;
                self.entries
                    .retain_in((number, 0)..=(number, u64::MAX), |_, _| false)?;
                self.places
                    .retain_in((number, 0)..=(number, u64::MAX), |_, _| false)?;
                self.handed
                    .retain_in((number, false)..=(number, true), |_, _| false)?;
            }
            Change::Gone(number, id) => {
                self.entries.remove((*number, *id))?;
                self.places.remove((*number, *id))?;
            }
            Change::Placed(number, id, place) => {
                let row = (place.returned, place.position, place.held);
                self.places.insert((*number, *id), row)?;
            }
        }
        Ok(())
    }
}

/// Reads everything: what is kept in memory, and with it all there is.
fn load(transaction: &ReadTransaction, before: Before) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded {
        existed: before.existed,
        closed: before.closed,
        ..Loaded::default()
    };
    let mut places = BTreeMap::new();
    for row in transaction.open_table(PLACES)?.iter()? {
        let (key, value) = row?;
        let (returned, position, held) = value.value();
        loaded.last_position = loaded.last_position.max(position);
        let place = Place {
            returned,
            position,
            held,
        };
        places.insert(key.value(), place);
    }
    let mut handed = BTreeMap::new();
    for row in transaction.open_table(HANDED)?.iter()? {
        let (key, value) = row?;
        loaded.last_id = loaded.last_id.max(value.value());
        handed.insert(key.value(), value.value());
    }
    let entries = transaction.open_table(ENTRIES)?;
    let clock = Clock::now();
    for row in transaction.open_table(QUEUES)?.iter()? {
        let (number, bytes) = row?;
        let number = number.value();
        let spec: Spec = postcard::from_bytes(bytes.value())
            .map_err(|e| StoreError::Damaged(format!("queue {number}: {e}")))?;
        let mut queue = LoadedQueue {
            number,
            spec,
            entries: Vec::new(),
        };
        for row in entries.range((number, 0)..=(number, u64::MAX))? {
            let (key, value) = row?;
            let (_, id) = key.value();
            let entry = decode(number, id, value.value(), clock)?;
            let high = queue.spec.quorum && entry.is_high();
            let first_time = handed.get(&(number, high)).is_some_and(|last| id <= *last);
            let place = places.get(&(number, id)).copied().or_else(|| {
                first_time.then_some(Place {
                    returned: 0,
                    position: 0,
                    held: true,
                })
            });
            loaded.last_id = loaded.last_id.max(id);
            queue.entries.push((entry, place));
        }
        loaded.last_queue = loaded.last_queue.max(number);
        loaded.queues.push(queue);
    }
    Ok(loaded)
}

fn create(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(QUEUES)?;
    transaction.open_table(ENTRIES)?;
    transaction.open_table(PLACES)?;
    transaction.open_table(HANDED)?;
    Ok(())
}
