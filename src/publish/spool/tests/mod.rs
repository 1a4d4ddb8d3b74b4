//! The file on a disk that can be full, damaged or killed, and in a folder.

mod folder;

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::{Database, ReadableTable, StorageBackend, TableDefinition};

use crate::redb_file::Opener;

#[derive(Debug, Default)]
struct Inner {
    bytes: Vec<u8>,
    /// As it was at the last sync, where that is remembered.
    synced: Option<Vec<u8>>,
    full: bool,
    unsyncable: bool,
}

/// A disk in memory; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Disk(Arc<Mutex<Inner>>);

impl Disk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(in super::super) fn opener(&self) -> Opener {
        let disk = self.clone();
        Box::new(move || Database::builder().create_with_backend(disk.clone()))
    }

    /// What is left after `kill -9`.
    pub(in super::super) fn after_kill(&self) -> Self {
        let bytes = self.inner().bytes.clone();
        Self(Arc::new(Mutex::new(Inner {
            bytes,
            ..Inner::default()
        })))
    }

    /// From now on it knows what was synced.
    pub(in super::super) fn remember_syncs(&self) {
        let mut inner = self.inner();
        inner.synced = Some(inner.bytes.clone());
    }

    /// What is left after a power cut that loses all that was not synced.
    pub(in super::super) fn after_power_cut(&self) -> Self {
        let bytes = self.inner().synced.clone().expect("syncs are remembered");
        Self(Arc::new(Mutex::new(Inner {
            bytes,
            ..Inner::default()
        })))
    }

    /// From now on nothing can be written, or it can again.
    pub(in super::super) fn set_full(&self, full: bool) {
        self.inner().full = full;
    }

    /// From now on a sync fails after all was written, or no longer does.
    pub(in super::super) fn set_unsyncable(&self, unsyncable: bool) {
        self.inner().unsyncable = unsyncable;
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.inner().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let (inner, at) = (self.inner(), index(offset));
        let bytes = inner.bytes.get(at..at + out.len());
        out.copy_from_slice(bytes.ok_or(Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        let mut inner = self.inner();
        if inner.full {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        inner.bytes.resize(index(len), 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut inner = self.inner();
        if inner.full || inner.unsyncable {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        if inner.synced.is_some() {
            inner.synced = Some(inner.bytes.clone());
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let (mut inner, at) = (self.inner(), index(offset));
        if inner.full {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        let end = at + data.len();
        if inner.bytes.len() < end {
            inner.bytes.resize(end, 0);
        }
        inner.bytes[at..end].copy_from_slice(data);
        Ok(())
    }
}

/// Makes the bytes of one message mean nothing, as another program might.
pub(in super::super) fn garble(disk: &Disk, seq: u64) {
    let waiting = TableDefinition::<u64, (u64, &[u8])>::new("waiting");
    let database = disk.opener()().unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(waiting).unwrap();
        let subject = table.get(seq).unwrap().unwrap().value().0;
        table
            .insert(seq, (subject, [255_u8; 9].as_slice()))
            .unwrap();
    }
    transaction.commit().unwrap();
}
