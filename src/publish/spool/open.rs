//! The folder of a spool: its lock, its file, what was found in it.

use std::fs::File;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::book::Book;
use super::storage::{Answer, Storage};
use super::store::{Loaded, Store};
use crate::config::SpoolConfig;
use crate::folder_lock::{self, Refused};
use crate::redb_file::{self, Opener, StoreError, guarded};
use crate::telemetry::log;

/// Bytes of the file that are cached. What is drained is read once and in order.
const CACHE: usize = 16 << 20;

/// What was found in the folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpoolRecovery {
    /// There was a spool before.
    pub existed: bool,
    /// The one who had it last closed it. Otherwise it was checked and brought back to the
    /// last write that was complete.
    pub closed: bool,
    /// Messages that wait.
    pub messages: u64,
    /// Messages set aside.
    pub set_aside: u64,
}

/// Why a spool cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// Another process has it, or this one twice.
    #[error(
        "the spool '{}' is in use by process {owner}: only one may have it open; give this \
         program a folder of its own (spool.dir)",
        .dir.display()
    )]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// Id of the process, as far as it is known.
        owner: String,
    },
    /// The folder cannot be made, read or written.
    #[error("the spool '{}' cannot be opened: {reason}", .dir.display())]
    Unusable {
        /// The folder.
        dir: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// The file was altered, or the disk has lost some of it. Nothing was changed.
    #[error(
        "the spool '{}' is damaged: {reason}; restore the folder, or move it away to start empty",
        .dir.display()
    )]
    Damaged {
        /// The folder.
        dir: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// Written by a newer version of this program.
    #[error("the spool '{}' has format {found}, which this version does not read", .dir.display())]
    OtherFormat {
        /// The folder.
        dir: PathBuf,
        /// Its format.
        found: u64,
    },
}

impl SpoolError {
    pub(super) fn of(dir: &Path, error: StoreError) -> Self {
        let dir = dir.to_owned();
        match error {
            StoreError::Storage(reason) => Self::Unusable { dir, reason },
            StoreError::Damaged(reason) => Self::Damaged { dir, reason },
            StoreError::Format(found) => Self::OtherFormat { dir, found },
        }
    }

    /// Stable code for logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "spool-in-use",
            Self::Unusable { .. } => "spool-storage",
            Self::Damaged { .. } | Self::OtherFormat { .. } => "spool-damaged",
        }
    }
}

/// An open spool.
pub(in super::super) struct Opened {
    pub(in super::super) storage: Storage,
    pub(in super::super) answers: mpsc::UnboundedReceiver<Answer>,
    pub(in super::super) book: Book,
    pub(in super::super) recovery: SpoolRecovery,
}

/// Opens the folder, which is made where it is missing, and starts its thread.
///
/// # Errors
/// See [`SpoolError`]. Dropping the future leaves the folder free.
pub(in super::super) async fn open(config: &SpoolConfig) -> Result<Opened, SpoolError> {
    let dir = config.dir.clone();
    let opening = tokio::task::spawn_blocking(move || {
        let lock = lock(&dir)?;
        let (store, loaded) = checked(&dir, opener(dir.join("spool.redb")))?;
        let (storage, answers) = Storage::spawn(store, lock).map_err(|e| unusable(&dir, e))?;
        Ok::<_, SpoolError>((storage, answers, loaded))
    });
    let joined = opening.await.map_err(|e| unusable(&config.dir, e))?;
    let (storage, answers, loaded) = joined?;
    let recovery = recovery(&loaded);
    let SpoolRecovery {
        existed,
        closed,
        messages,
        set_aside,
    } = recovery;
    if messages > 0 || set_aside > 0 || (existed && !closed) {
        log::spool_opened(messages, set_aside, closed);
    }
    Ok(Opened {
        storage,
        answers,
        book: Book::new(config, loaded),
        recovery,
    })
}

/// A spool on what a test gives it, served by the caller.
#[cfg(test)]
pub(in super::super) fn open_inline(
    config: &SpoolConfig,
    opener: Opener,
) -> Result<Opened, SpoolError> {
    let (store, loaded) = checked(&config.dir, opener)?;
    let (storage, answers) = Storage::inline(store);
    let recovery = recovery(&loaded);
    Ok(Opened {
        storage,
        answers,
        book: Book::new(config, loaded),
        recovery,
    })
}

pub(super) fn recovery(loaded: &Loaded) -> SpoolRecovery {
    SpoolRecovery {
        existed: loaded.existed,
        closed: loaded.closed,
        messages: loaded.messages,
        set_aside: loaded.aside,
    }
}

fn unusable(dir: &Path, reason: impl ToString) -> SpoolError {
    SpoolError::Unusable {
        dir: dir.to_owned(),
        reason: reason.to_string(),
    }
}

/// Locks the folder for this process, until what comes back is dropped.
pub(super) fn lock(dir: &Path) -> Result<File, SpoolError> {
    folder_lock::lock(dir).map_err(|refused| match refused {
        Refused::InUse { owner } => SpoolError::InUse {
            dir: dir.to_owned(),
            owner,
        },
        Refused::Unusable(error) => unusable(dir, error),
    })
}

pub(super) fn opener(path: PathBuf) -> Opener {
    redb_file::opener(path, CACHE)
}

/// Opens the file; what is wrong with it is told, never trusted.
pub(super) fn checked(dir: &Path, opener: Opener) -> Result<(Store, Loaded), SpoolError> {
    guarded(|| Store::open(opener)).map_err(|error| SpoolError::of(dir, error))
}
