//! A local broker kept in a folder: its lock, its file, what was found in it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::journal::{self, Loaded, Store};
use super::server::{Core, LocalServer};
use super::state::State;
use crate::folder_lock::{self, Refused};
use crate::redb_file::{Opener, StoreError, guarded, opener};
use crate::topology::Topology;

/// What a [`LocalServer`] on disk may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalStore {
    /// Bytes that all messages together may take in memory, bodies, headers and tables
    /// included; beyond it main queues refuse new ones. Retries, suspects and dead letters
    /// are still taken, since they were let in once. Default 1 GiB.
    pub memory: u64,
    /// Bytes of the file that are cached. Default 64 MiB.
    pub cache: usize,
}

impl Default for LocalStore {
    fn default() -> Self {
        Self {
            memory: 1 << 30,
            cache: 64 << 20,
        }
    }
}

/// What was found in the folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// There was a store before.
    pub existed: bool,
    /// The one who had it last closed it. Otherwise it was checked and brought back to the
    /// last write that was complete.
    pub closed: bool,
    /// Messages in all queues.
    pub messages: usize,
    /// Those of them that were in a consumer's hands; they come again, counted.
    pub redelivered: usize,
    /// Queues that the topology does not name. What is in them stays, and moves on where
    /// they dead-letter.
    pub abandoned: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// Why a folder cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process has it, or this one twice.
    #[error("the local store '{}' is in use by process {owner}: only one may have it open", .dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// Id of the process, as far as it is known.
        owner: String,
    },
    /// The folder cannot be made, read or written.
    #[error("the local store '{}' cannot be opened: {reason}", .dir.display())]
    Unusable {
        /// The folder.
        dir: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// The file was altered, or the disk has lost some of it. Nothing was changed.
    #[error(
        "the local store '{}' is damaged: {reason}; restore the folder, or move it away to start empty",
        .dir.display()
    )]
    Damaged {
        /// The folder.
        dir: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// Written by a newer version of this program.
    #[error("the local store '{}' has format {found}, which this version does not read", .dir.display())]
    OtherFormat {
        /// The folder.
        dir: PathBuf,
        /// Its format.
        found: u64,
    },
}

impl LocalServer {
    /// A broker with this topology, kept in this folder, which is made where it is missing. A
    /// publish is confirmed once it is on disk (one fsync for all that gathers meanwhile);
    /// acknowledgements follow behind, so that a crash repeats and never loses. All messages
    /// are held in memory too, within [`LocalStore::memory`]. Must be called inside a tokio
    /// runtime whose clock is not paused.
    ///
    /// # Errors
    /// See [`OpenError`]. Dropping the future leaves the folder free.
    pub async fn open(
        dir: impl AsRef<Path>,
        topology: Topology,
        store: LocalStore,
    ) -> Result<Self, OpenError> {
        let start = Instant::now();
        let dir = dir.as_ref().to_owned();
        let place = dir.clone();
        let opening = tokio::task::spawn_blocking(move || {
            let lock = lock(&place)?;
            let opener = opener(place.join("journal.redb"), store.cache);
            Ok((lock, checked(&place, opener)?))
        });
        let (lock, (file, loaded)) = opening.await.map_err(|e| unusable(&dir, e))??;
        Self::restored((&dir, start), topology, store.memory, (file, loaded), lock)
    }

    pub(super) fn restored(
        (dir, start): (&Path, Instant),
        topology: Topology,
        memory: u64,
        (file, loaded): (Store, Loaded),
        keep: impl Send + 'static,
    ) -> Result<Self, OpenError> {
        let now = Instant::now();
        let (state, mut recovery) = State::restored(topology, loaded, memory, now);
        recovery.took = start.elapsed();
        let core = Core::new(state);
        let ended = journal::spawn(core.clone(), file, keep).map_err(|e| unusable(dir, e))?;
        Ok(Self::around(core, recovery, Some(ended)))
    }
}

fn unusable(dir: &Path, reason: impl ToString) -> OpenError {
    OpenError::Unusable {
        dir: dir.to_owned(),
        reason: reason.to_string(),
    }
}

/// Locks the folder for this process, until what comes back is dropped.
fn lock(dir: &Path) -> Result<File, OpenError> {
    folder_lock::lock(dir).map_err(|refused| match refused {
        Refused::InUse { owner } => OpenError::InUse {
            dir: dir.to_owned(),
            owner,
        },
        Refused::Unusable(error) => unusable(dir, error),
    })
}

/// Opens the file; what is wrong with it is told, never trusted.
pub(super) fn checked(dir: &Path, opener: Opener) -> Result<(Store, Loaded), OpenError> {
    let dir = dir.to_owned();
    guarded(|| Store::open(opener)).map_err(|error| match error {
        StoreError::Storage(reason) => OpenError::Unusable { dir, reason },
        StoreError::Damaged(reason) => OpenError::Damaged { dir, reason },
        StoreError::Format(found) => OpenError::OtherFormat { dir, found },
    })
}
