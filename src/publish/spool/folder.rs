//! A spool that no program has open, as an operator sees it: what waits, what was set aside.

use std::fs::File;

use fanout_contract::EventId;

use super::super::publisher::subject_of;
use super::SpoolRecovery;
use super::open::{SpoolError, checked, lock, opener, recovery};
use super::record::{SetAside, encode};
use super::store::{Batch, Insert, Page, Store};
use crate::config::SpoolConfig;
use crate::redb_file::StoreError;

/// Messages read from the file at once, and their bytes, when one is looked for.
const PAGE: Page = Page {
    from: 0,
    messages: 2_000,
    bytes: 8 << 20,
};

/// The folder of a spool, locked for this process. Every call blocks for as long as the disk
/// takes; call it from a thread that may.
pub struct SpoolFolder {
    store: Store,
    found: SpoolRecovery,
    /// Highest number given so far.
    last: u64,
    dir: std::path::PathBuf,
    _lock: File,
}

impl std::fmt::Debug for SpoolFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpoolFolder")
            .field("dir", &self.dir)
            .field("found", &self.found)
            .finish_non_exhaustive()
    }
}

impl SpoolFolder {
    /// Opens the spool of this configuration; `None` where there is none, which is not made.
    ///
    /// # Errors
    /// See [`SpoolError`]: above all, that a program has it.
    pub fn open(config: &SpoolConfig) -> Result<Option<Self>, SpoolError> {
        let (dir, file) = (config.dir.clone(), config.dir.join("spool.redb"));
        if !file.exists() {
            return Ok(None);
        }
        let lock = lock(&dir)?;
        let (store, loaded) = checked(&dir, opener(file))?;
        Ok(Some(Self {
            store,
            found: recovery(&loaded),
            last: loaded.last,
            dir,
            _lock: lock,
        }))
    }

    /// How much there was when it was opened.
    pub fn found(&self) -> &SpoolRecovery {
        &self.found
    }

    /// The first messages set aside, at most so many, by their number.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn set_aside(&mut self, limit: usize) -> Result<Vec<SetAside>, SpoolError> {
        let found = self.store.aside(limit);
        found.map_err(|error| self.error(error))
    }

    /// Puts these behind everything that waits: the next program that opens the spool sends
    /// them once more. Answers how many; one whose bytes make no message stays where it is.
    ///
    /// # Errors
    /// The file cannot be written; then nothing was changed.
    pub fn give_back(&mut self, rows: &[SetAside]) -> Result<usize, SpoolError> {
        let mut batch = Batch::default();
        for row in rows {
            let Some(message) = &row.message else {
                continue;
            };
            self.last += 1;
            batch.inserts.push(Insert {
                seq: self.last,
                subject: subject_of(message),
                row: encode(message).map_err(|error| self.error(error))?,
            });
            batch.forgotten.push(row.seq);
        }
        let count = batch.inserts.len();
        self.write(&batch).map(|()| count)
    }

    /// Gives these up for good.
    ///
    /// # Errors
    /// The file cannot be written; then nothing was changed.
    pub fn discard(&mut self, rows: &[SetAside]) -> Result<(), SpoolError> {
        let batch = Batch {
            forgotten: rows.iter().map(|row| row.seq).collect(),
            ..Batch::default()
        };
        self.write(&batch)
    }

    /// Whether a message with this id waits. Reads all that do.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn holds(&mut self, id: &EventId) -> Result<bool, SpoolError> {
        let mut page = PAGE;
        loop {
            let found = self.store.page(page);
            let found = found.map_err(|error| self.error(error))?;
            let messages = found.iter().filter_map(|found| found.message.as_ref());
            let mut ids = messages.filter_map(|message| message.properties.message_id.as_deref());
            if ids.any(|known| known == id.as_str()) {
                return Ok(true);
            }
            match found.last() {
                Some(last) => page.from = last.seq + 1,
                None => return Ok(false),
            }
        }
    }

    /// Closes the file in order.
    pub fn close(self) {
        self.store.close();
    }

    fn write(&mut self, batch: &Batch) -> Result<(), SpoolError> {
        if batch.is_empty() {
            return Ok(());
        }
        let written = self.store.write(batch);
        written.map_err(|error| self.error(error))
    }

    fn error(&self, error: StoreError) -> SpoolError {
        SpoolError::of(&self.dir, error)
    }
}
