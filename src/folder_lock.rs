//! One process has a folder: the local broker's, the spool's.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// Why a folder cannot be had.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Another process has it, or this one twice.
    InUse {
        /// Id of the process, as far as it is known.
        owner: String,
    },
    /// It cannot be made, read or written.
    Unusable(io::Error),
}

/// Makes the folder and locks it for this process, until what comes back is dropped. The
/// operating system lets go of it where the process is killed.
pub(crate) fn lock(dir: &Path) -> Result<File, Refused> {
    std::fs::create_dir_all(dir).map_err(Refused::Unusable)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(dir.join("lock"))
        .map_err(Refused::Unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // Only to name it; the refusal stands without.
            let _ = file.read_to_string(&mut owner);
            let owner = owner.trim().to_owned();
            return Err(Refused::InUse { owner });
        }
        Err(TryLockError::Error(error)) => return Err(Refused::Unusable(error)),
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(Refused::Unusable)?;
    Ok(file)
}
