//! A file of redb that knows its format and whether whoever had it last has closed it: the
//! local broker's journal, the publisher's spool.
//!
//! Synchronous; called by threads that may block. Every write is one transaction with one
//! fsync: after a crash the file holds all of it or nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use redb::{Database, ReadTransaction, ReadableDatabase, TableDefinition, WriteTransaction};

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// Makes the database: a file, or what a test puts in its place.
pub(crate) type Opener = Box<dyn Fn() -> Result<Database, redb::DatabaseError> + Send>;

/// A file at this path with so many bytes of cache.
pub(crate) fn opener(path: PathBuf, cache: usize) -> Opener {
    Box::new(move || {
        Database::builder()
            .set_cache_size(cache)
            .set_check_integrity_on_open(true)
            .create(&path)
    })
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
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

/// On a file that nobody has written like this, the library may panic.
pub(crate) fn guarded<T>(act: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| {
        let what = "its structure does not hold together".to_owned();
        Err(StoreError::Damaged(what))
    })
}

/// How the file was when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    pub(crate) existed: bool,
    /// Whoever had it last has closed it.
    pub(crate) closed: bool,
}

pub(crate) struct RedbFile {
    opener: Opener,
    /// Goes up when a newer program writes what an older one cannot read.
    format: u64,
    /// `None` after a failure, until it could be opened again.
    database: Option<Database>,
}

impl RedbFile {
    /// Opens it, makes the tables, reads what is in them, and notes that it is in use.
    pub(crate) fn open<T>(
        opener: Opener,
        format: u64,
        create: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
        load: impl FnOnce(&ReadTransaction, Before) -> Result<T, StoreError>,
    ) -> Result<(Self, T), StoreError> {
        let database = opener()?;
        let transaction = database.begin_write()?;
        transaction.open_table(META)?;
        create(&transaction)?;
        transaction.commit()?;
        let transaction = database.begin_read()?;
        let before = before(&transaction, format)?;
        let loaded = load(&transaction, before)?;
        let file = Self {
            opener,
            format,
            database: Some(database),
        };
        file.mark_closed(false)?;
        Ok((file, loaded))
    }

    /// Writes with one fsync. After an error none of it counts, though some of it may be
    /// there: the file is opened anew and repairs itself at the next call.
    pub(crate) fn write(
        &mut self,
        act: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let result = self.try_write(act);
        if result.is_err() {
            self.database = None;
        }
        result
    }

    fn try_write(
        &mut self,
        act: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let transaction = self.database()?.begin_write()?;
        act(&transaction)?;
        transaction.commit()?;
        Ok(())
    }

    pub(crate) fn read(&mut self) -> Result<ReadTransaction, StoreError> {
        Ok(self.database()?.begin_read()?)
    }

    /// Says that everything is written, and closes the file.
    pub(crate) fn close(self) {
        // What cannot be said now is found out at the next start.
        let _ = self.mark_closed(true);
    }

    fn database(&mut self) -> Result<&Database, StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => (self.opener)()?,
        };
        Ok(self.database.insert(database))
    }

    fn mark_closed(&self, closed: bool) -> Result<(), StoreError> {
        if let Some(database) = &self.database {
            let transaction = database.begin_write()?;
            {
                let mut meta = transaction.open_table(META)?;
                meta.insert("format", self.format)?;
                meta.insert("closed", u64::from(closed))?;
            }
            transaction.commit()?;
        }
        Ok(())
    }
}

fn before(transaction: &ReadTransaction, format: u64) -> Result<Before, StoreError> {
    let meta = transaction.open_table(META)?;
    let found = meta.get("format")?.map(|format| format.value());
    if let Some(other) = found.filter(|found| *found != format) {
        return Err(StoreError::Format(other));
    }
    Ok(Before {
        existed: found.is_some(),
        closed: meta.get("closed")?.is_some_and(|c| c.value() == 1),
    })
}
