//! All collections of a folder.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use qdrant_edge::EdgeConfig;
use tonic::Status;

use super::collection::Collection;
use super::convert::wrong;
use super::error::VectorStoreError;

/// The limit of the real server.
const MAX_NAME: usize = 255;
/// Each holds some files and at least 32 MiB of disk open.
const MAX_COLLECTIONS: usize = 1_000;

pub(super) struct Store {
    folder: PathBuf,
    collections: RwLock<BTreeMap<String, Arc<Collection>>>,
    /// Held as long as the store is open.
    _lock: File,
}

impl Store {
    /// Opens all collections below `data`, which is made where it is missing.
    pub(super) fn open(data: &Path) -> Result<Self, VectorStoreError> {
        let folder = data.join("collections");
        std::fs::create_dir_all(&folder)?;
        let lock = File::create(data.join(".lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(VectorStoreError::InUse(data.to_owned()));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut collections = BTreeMap::new();
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if Collection::is_whole(&entry.path()) {
                collections.insert(name, Arc::new(Collection::open(&entry.path())?));
            } else {
                // a crash while it was made or deleted
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(Self {
            folder,
            collections: RwLock::new(collections),
            _lock: lock,
        })
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.collections.read().keys().cloned().collect()
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        self.collections.read().contains_key(name)
    }

    pub(super) fn get(&self, name: &str) -> Result<Arc<Collection>, Status> {
        let found = self.collections.read().get(name).cloned();
        found.ok_or_else(|| {
            Status::not_found(format!("Not found: Collection `{name}` doesn't exist!"))
        })
    }

    pub(super) fn create(&self, name: &str, config: EdgeConfig) -> Result<(), Status> {
        check_name(name)?;
        let mut collections = self.collections.write();
        if collections.contains_key(name) {
            return Err(Status::already_exists(format!(
                "Wrong input: Collection `{name}` already exists!"
            )));
        }
        if collections.len() >= MAX_COLLECTIONS {
            return Err(Status::resource_exhausted("too many collections"));
        }
        let folder = self.folder.join(name);
        let made = Collection::create(&folder, config).map_err(|error| {
            // what is left of it is removed when the store is opened, too
            drop(std::fs::remove_dir_all(&folder));
            Status::internal(format!("Service internal error: {error}"))
        })?;
        collections.insert(name.to_owned(), Arc::new(made));
        Ok(())
    }

    /// Whether there was one.
    pub(super) fn delete(&self, name: &str) -> Result<bool, Status> {
        let mut collections = self.collections.write();
        let Some(collection) = collections.remove(name) else {
            return Ok(false);
        };
        let deleted = collection.delete();
        deleted.map_err(|error| Status::internal(format!("Service internal error: {error}")))?;
        Ok(true)
    }

    /// Brings all journals to the disk.
    pub(super) fn sync(&self) {
        for (name, collection) in self.all() {
            if let Err(error) = collection.sync() {
                tracing::error!(collection = name, %error, "the journal cannot be synced");
            }
        }
    }

    /// Brings everything into the segments' files, so that the next start is quick.
    pub(super) fn checkpoint(&self) {
        for (name, collection) in self.all() {
            if let Err(status) = collection.checkpoint() {
                let error = status.message();
                tracing::error!(collection = name, error, "the collection cannot be flushed");
            }
        }
    }

    fn all(&self) -> Vec<(String, Arc<Collection>)> {
        let collections = self.collections.read();
        let all = collections.iter();
        all.map(|(name, one)| (name.clone(), Arc::clone(one)))
            .collect()
    }
}

/// A name becomes a folder's.
fn check_name(name: &str) -> Result<(), Status> {
    let bad = |c: char| "<>:\"/\\|?*".contains(c) || c.is_control();
    if name.is_empty() || name.len() > MAX_NAME || name.starts_with('.') || name.contains(bad) {
        return Err(wrong(
            "the collection name is empty, too long or has characters of a path",
        ));
    }
    Ok(())
}
