//! What was acknowledged and is not yet in the segments' files.
//!
//! The engine writes a log of its own but never reads it again (qdrant-edge 0.7.0), and its
//! segments reach the disk on a flush only. So each change is written here first, as the
//! protocol encodes it, and applied again after a crash. Invariant: a change is answered only
//! after its record is in the file; records are emptied only after a flush.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use prost::Message;
use qdrant_client::qdrant::PointsUpdateOperation;

/// Length and checksum before each record, both 32 bits, little-endian.
const HEAD: usize = 8;
/// A length beyond it is no length: the largest message that is taken is smaller.
const MAX_RECORD: u32 = 512 * 1024 * 1024;

pub(super) struct Journal {
    file: Arc<File>,
    len: u64,
    unsynced: bool,
}

impl Journal {
    /// Opens or makes the file, and reads all whole records. A torn end is cut off: what it
    /// began was never answered.
    pub(super) fn open(path: &Path) -> std::io::Result<(Self, Vec<PointsUpdateOperation>)> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)?;
        let (records, len) = read_all(&mut BufReader::new(&file))?;
        file.set_len(len)?;
        (&file).seek(SeekFrom::Start(len))?;
        let journal = Self {
            file: Arc::new(file),
            len,
            unsynced: false,
        };
        Ok((journal, records))
    }

    /// Appends a record, an encoded operation. After an error the file ends where it ended
    /// before.
    pub(super) fn append(&mut self, body: &[u8]) -> std::io::Result<()> {
        let len = u32::try_from(body.len()).map_err(std::io::Error::other)?;
        let mut record = Vec::with_capacity(HEAD + body.len());
        record.extend_from_slice(&len.to_le_bytes());
        record.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
        record.extend_from_slice(body);
        let mut file = &*self.file;
        if let Err(error) = file.write_all(&record) {
            file.set_len(self.len)?;
            file.seek(SeekFrom::Start(self.len))?;
            return Err(error);
        }
        self.len += u64::try_from(record.len()).unwrap_or_default();
        self.unsynced = true;
        Ok(())
    }

    /// Bytes of all records.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The file, where it has records that are not on the disk yet, for the caller to sync:
    /// on a busy disk that takes seconds, for which no change shall wait.
    pub(super) fn take_unsynced(&mut self) -> Option<Arc<File>> {
        std::mem::take(&mut self.unsynced).then(|| Arc::clone(&self.file))
    }

    /// Takes back what [`take_unsynced`](Self::take_unsynced) said, after a sync that failed.
    pub(super) fn is_unsynced(&mut self) {
        self.unsynced = true;
    }

    /// Forgets all records; the segments' files hold them now.
    pub(super) fn clear(&mut self) -> std::io::Result<()> {
        self.file.set_len(0)?;
        (&*self.file).seek(SeekFrom::Start(0))?;
        self.file.sync_data()?;
        self.len = 0;
        self.unsynced = false;
        Ok(())
    }
}

fn read_all(reader: &mut impl Read) -> std::io::Result<(Vec<PointsUpdateOperation>, u64)> {
    let (mut records, mut end) = (Vec::new(), 0);
    while let Some(body) = read_record(reader)? {
        let Ok(operation) = PointsUpdateOperation::decode(body.as_slice()) else {
            break;
        };
        end += u64::try_from(HEAD + body.len()).unwrap_or_default();
        records.push(operation);
    }
    Ok((records, end))
}

/// Nothing at the end, and where the record is torn.
fn read_record(reader: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let (mut len, mut sum) = ([0; 4], [0; 4]);
    if !read_exactly(reader, &mut len)? || !read_exactly(reader, &mut sum)? {
        return Ok(None);
    }
    let len = u32::from_le_bytes(len);
    if len > MAX_RECORD {
        return Ok(None);
    }
    let mut body = Vec::new();
    reader.by_ref().take(len.into()).read_to_end(&mut body)?;
    let whole = u32::try_from(body.len()).is_ok_and(|got| got == len);
    Ok((whole && crc32fast::hash(&body) == u32::from_le_bytes(sum)).then_some(body))
}

fn read_exactly(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
