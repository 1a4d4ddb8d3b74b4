//! A disk in memory: what is not synced may be lost, torn or reordered; it may be full.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::{Database, StorageBackend};

use crate::redb_file::Opener;

/// What a disk writes in one piece, bytes.
const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Step {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Step {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Write(at, data) => {
                let end = at + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*at..end].copy_from_slice(data);
            }
        }
    }

    /// What is left of it after a power cut, if anything.
    fn torn(&self, random: &mut fastrand::Rng) -> Option<Self> {
        match (self, random.u8(..3)) {
            (_, 0) => None,
            (Self::Write(at, data), 1) => {
                let sectors = random.usize(..=data.len() / SECTOR);
                Some(Self::Write(*at, data[..sectors * SECTOR].to_vec()))
            }
            _ => Some(self.clone()),
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    /// As the program sees it.
    seen: Vec<u8>,
    /// As it certainly is after a power cut.
    synced: Vec<u8>,
    unsynced: Vec<Step>,
    syncs: usize,
    full: bool,
    /// Takes what is written and fails to sync it.
    unsyncable: bool,
}

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<Inner>>);

impl Disk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(super) fn opener(&self) -> Opener {
        let disk = self.clone();
        Box::new(move || {
            Database::builder()
                .set_check_integrity_on_open(true)
                .create_with_backend(disk.clone())
        })
    }

    /// The power goes now: another disk with what is left, by chance of this seed.
    pub(super) fn after_power_cut(&self, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let inner = self.inner();
        let mut left = inner.synced.clone();
        let mut steps = inner.unsynced.clone();
        random.shuffle(&mut steps);
        for step in steps.iter().filter_map(|s| s.torn(&mut random)) {
            step.apply(&mut left);
        }
        Self::holding(left)
    }

    /// A copy of what the program sees: what is left after `kill -9`.
    pub(super) fn after_kill(&self) -> Self {
        Self::holding(self.inner().seen.clone())
    }

    fn holding(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            synced: bytes.clone(),
            seen: bytes,
            ..Inner::default()
        })))
    }

    /// From now on nothing can be written, or it can again.
    pub(super) fn set_full(&self, full: bool) {
        self.inner().full = full;
    }

    /// From now on a sync fails after all was written, or no longer does.
    pub(super) fn set_unsyncable(&self, unsyncable: bool) {
        self.inner().unsyncable = unsyncable;
    }

    pub(super) fn syncs(&self) -> usize {
        self.inner().syncs
    }

    pub(super) fn damage(&self, act: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = self.inner();
        act(&mut inner.seen);
        inner.synced = inner.seen.clone();
    }

    fn step(&self, step: Step) -> Result<(), Error> {
        let mut inner = self.inner();
        if inner.full {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        step.apply(&mut inner.seen);
        inner.unsynced.push(step);
        Ok(())
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.inner().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let (inner, at) = (self.inner(), index(offset));
        let bytes = inner.seen.get(at..at + out.len());
        out.copy_from_slice(bytes.ok_or(Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.step(Step::Length(index(len)))
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut inner = self.inner();
        if inner.full || inner.unsyncable {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        inner.syncs += 1;
        let steps = std::mem::take(&mut inner.unsynced);
        for step in steps {
            step.apply(&mut inner.synced);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.step(Step::Write(index(offset), data.to_vec()))
    }
}
