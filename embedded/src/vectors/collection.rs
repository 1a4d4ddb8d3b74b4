//! A collection: one shard of the engine, and the journal before it.
//!
//! Lock order: journal, then shard. A change holds the journal's lock from its record to its
//! effect, so that a replay meets the changes in the order in which they took effect.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, RwLock};
use prost::Message;
use qdrant_client::qdrant::PointsUpdateOperation;
use qdrant_client::qdrant::points_update_operation::Operation;
use qdrant_edge::{EdgeConfig, EdgeShard, UpdateOperation};
use tonic::Status;

use super::convert::engine_status;
use super::convert::operation::operation_in;
use super::error::VectorStoreError;
use super::journal::Journal;

/// Its presence says that the collection was made as a whole.
const JOURNAL: &str = "fanout-journal";
const ENGINE_LOG: &str = "wal";
/// Records beyond it are brought into the segments' files at once. Twice the largest message.
const CHECKPOINT_BYTES: u64 = 128 * 1024 * 1024;
/// Files of 32 MiB of the engine's own log that may pile up until the shard is opened anew,
/// which is when they can go: the engine never shortens it.
const MAX_ENGINE_LOG_FILES: usize = 8;

pub(super) struct Collection {
    folder: PathBuf,
    journal: Mutex<Journal>,
    /// Nothing once it is deleted, or could not be opened anew.
    shard: RwLock<Option<EdgeShard>>,
}

impl Collection {
    /// Makes a new one in a folder that does not exist.
    pub(super) fn create(folder: &Path, config: EdgeConfig) -> Result<Self, VectorStoreError> {
        std::fs::create_dir(folder)?;
        let shard = EdgeShard::new(folder, config)?;
        shard.flush();
        let (journal, _) = Journal::open(&folder.join(JOURNAL))?;
        Ok(Self::of(folder, journal, shard))
    }

    /// Whether the folder holds a whole collection.
    pub(super) fn is_whole(folder: &Path) -> bool {
        folder.join(JOURNAL).is_file()
    }

    /// Opens one, with all that was acknowledged.
    pub(super) fn open(folder: &Path) -> Result<Self, VectorStoreError> {
        let shard = load(folder)?;
        let (mut journal, records) = Journal::open(&folder.join(JOURNAL))?;
        let replayed = records.len();
        for record in records {
            replay(&shard, record);
        }
        if replayed > 0 {
            shard.flush();
            journal.clear()?;
            tracing::info!(
                records = replayed,
                "changes since the last flush applied again"
            );
        }
        Ok(Self::of(folder, journal, shard))
    }

    fn of(folder: &Path, journal: Journal, shard: EdgeShard) -> Self {
        Self {
            folder: folder.to_owned(),
            journal: Mutex::new(journal),
            shard: RwLock::new(Some(shard)),
        }
    }

    /// Looks something up.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&EdgeShard) -> Result<T, Status>,
    ) -> Result<T, Status> {
        look(self.shard.read().as_ref().ok_or_else(gone)?)
    }

    /// Applies a change. When this returns, the change outlives the process; it outlives the
    /// machine after the next [`sync`](Self::sync).
    pub(super) fn write(&self, operation: Operation) -> Result<(), Status> {
        let record = PointsUpdateOperation {
            operation: Some(operation),
        };
        let body = record.encode_to_vec();
        let mut journal = self.journal.lock();
        {
            let shard = self.shard.read();
            let shard = shard.as_ref().ok_or_else(gone)?;
            // first: what is refused must not be in the journal
            let change = change(record, shard)?;
            journal.append(&body).map_err(disk)?;
            shard.update(change).map_err(|e| engine_status(&e))?;
        }
        if journal.len() > CHECKPOINT_BYTES {
            self.checkpoint_with(&mut journal)?;
        }
        Ok(())
    }

    /// Changes the indexes, and brings everything into the segments' files.
    pub(super) fn index(&self, operation: UpdateOperation) -> Result<(), Status> {
        let mut journal = self.journal.lock();
        self.read(|shard| shard.update(operation).map_err(|e| engine_status(&e)))?;
        self.checkpoint_with(&mut journal)
    }

    /// Brings the journal to the disk.
    pub(super) fn sync(&self) -> std::io::Result<()> {
        let Some(file) = self.journal.lock().take_unsynced() else {
            return Ok(());
        };
        file.sync_data()
            .inspect_err(|_| self.journal.lock().is_unsynced())
    }

    /// Brings everything into the segments' files.
    pub(super) fn checkpoint(&self) -> Result<(), Status> {
        self.checkpoint_with(&mut self.journal.lock())
    }

    fn checkpoint_with(&self, journal: &mut Journal) -> Result<(), Status> {
        // Alone: the engine panics where it is flushed beside anything else.
        let mut shard = self.shard.write();
        flush(shard.as_ref().ok_or_else(gone)?)?;
        journal.clear().map_err(disk)?;
        if engine_log_files(&self.folder).len() > MAX_ENGINE_LOG_FILES {
            close(shard.take());
            *shard = Some(load(&self.folder).map_err(|e| Status::internal(e.to_string()))?);
        }
        Ok(())
    }

    /// Gives its files up.
    pub(super) fn delete(&self) -> std::io::Result<()> {
        let _journal = self.journal.lock();
        close(self.shard.write().take());
        std::fs::remove_file(self.folder.join(JOURNAL))?;
        std::fs::remove_dir_all(&self.folder)
    }
}

impl Drop for Collection {
    fn drop(&mut self) {
        close(self.shard.get_mut().take());
    }
}

/// Flushes and closes. The engine panics where it cannot flush, also while it is dropped,
/// which would end the process; what it could not flush is in the journal.
fn close(shard: Option<EdgeShard>) {
    if catch_unwind(AssertUnwindSafe(|| drop(shard))).is_err() {
        tracing::error!("the vector engine could not flush");
    }
}

fn flush(shard: &EdgeShard) -> Result<(), Status> {
    catch_unwind(AssertUnwindSafe(|| shard.flush()))
        .map_err(|_| Status::internal("Service internal error: the engine could not flush"))
}

fn gone() -> Status {
    Status::internal("Service internal error: the collection is closed")
}

#[allow(clippy::needless_pass_by_value)] // for `map_err`
fn disk(error: std::io::Error) -> Status {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            Status::resource_exhausted(format!("No space left on device: {error}"))
        }
        _ => Status::internal(format!("Service internal error: {error}")),
    }
}

fn change(record: PointsUpdateOperation, shard: &EdgeShard) -> Result<UpdateOperation, Status> {
    let operation = record.operation;
    let operation = operation.ok_or_else(|| Status::invalid_argument("Operation is missing"))?;
    operation_in(operation, &shard.config())
}

/// What failed the first time fails again, and was answered with that.
fn replay(shard: &EdgeShard, record: PointsUpdateOperation) {
    let applied = change(record, shard)
        .and_then(|change| shard.update(change).map_err(|e| engine_status(&e)));
    if let Err(status) = applied {
        let error = status.message();
        tracing::warn!(error, "a change could not be applied again");
    }
}

fn load(folder: &Path) -> Result<EdgeShard, VectorStoreError> {
    let mut files = engine_log_files(folder);
    files.pop(); // the engine wants to find the last one
    for (_, file) in files {
        std::fs::remove_file(file)?;
    }
    Ok(EdgeShard::load(folder, None)?)
}

/// The closed files of the engine's log, by the number of their first entry.
fn engine_log_files(folder: &Path) -> Vec<(u64, PathBuf)> {
    let entries = std::fs::read_dir(folder.join(ENGINE_LOG));
    let mut files: Vec<_> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((name.strip_prefix("closed-")?.parse().ok()?, entry.path()))
        })
        .collect();
    files.sort();
    files
}
