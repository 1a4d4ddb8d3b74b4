//! The graph as the processor has it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fanout_neo4j::store::{GraphStore, GraphTransaction, StoreError};
use futures::future::BoxFuture;
use redb::{Database, ReadableDatabase, ReadableTableMetadata};
use tokio::sync::Semaphore;

use super::error::{GraphError, Trouble};
use super::table::{EDGES, LEDGER, LEDGER_AT, PRODUCTS, USERS};
use super::transaction::Transaction;

/// Memory for pages of the file. The graph of 100,000 events takes about 30 MB.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// A property graph in a file. Clones are the same graph; the file is closed with the last.
#[derive(Clone)]
pub struct EmbeddedGraph {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) database: Database,
    /// One writer at a time; taken here so that waiting blocks no thread.
    pub(super) writer: Arc<Semaphore>,
    available: AtomicBool,
}

impl std::fmt::Debug for EmbeddedGraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedGraph").finish_non_exhaustive()
    }
}

impl EmbeddedGraph {
    /// Opens the graph in this file; file and folders are made where they are missing.
    /// Blocks, after a crash for as long as it takes to read the file once.
    ///
    /// # Errors
    /// Another process has it open, or the file cannot be read.
    pub fn open(file: &Path) -> Result<Self, GraphError> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(file)
            .map_err(|error| GraphError::opening(error, file.to_owned()))?;
        make_tables(&database)?;
        let shared = Shared {
            database,
            writer: Arc::new(Semaphore::new(1)),
            available: AtomicBool::new(true),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Makes it refuse every call of a writer, as a server that is down, until it is
    /// switched on again; for demonstrations and tests. Reads go on.
    pub fn set_available(&self, available: bool) {
        self.shared.available.store(available, Ordering::SeqCst);
    }
}

fn make_tables(database: &Database) -> Result<(), Trouble> {
    let txn = database.begin_write()?;
    txn.open_table(LEDGER)?;
    txn.open_table(LEDGER_AT)?;
    txn.open_table(USERS)?;
    txn.open_table(PRODUCTS)?;
    txn.open_table(EDGES)?;
    txn.commit()?;
    Ok(())
}

impl Shared {
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.available.load(Ordering::SeqCst) {
            Ok(())
        } else {
            Err(StoreError::Unreachable("the graph is switched off"))
        }
    }

    /// Without its ledger a projection counts again what it has counted before.
    fn has_lost_its_ledger(&self) -> Result<bool, Trouble> {
        let txn = self.database.begin_read()?;
        let empty = txn.open_table(LEDGER)?.is_empty()?;
        Ok(empty && !txn.open_table(USERS)?.is_empty()?)
    }
}

impl GraphStore for EmbeddedGraph {
    fn prepare(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            // goes the way of a write, and takes it back
            let probe = Transaction::begin(Arc::clone(&self.shared)).await?;
            Box::new(probe).rollback().await;
            if self.shared.has_lost_its_ledger()? {
                tracing::warn!(
                    "the ledger is empty, but there are users: what is replayed will count twice"
                );
            }
            Ok(())
        })
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn GraphTransaction>, StoreError>> {
        Box::pin(async {
            let transaction = Transaction::begin(Arc::clone(&self.shared)).await?;
            Ok(Box::new(transaction) as Box<dyn GraphTransaction>)
        })
    }
}
