//! One process has a folder: the local broker's, the spool's.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
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

/// Makes the folder, for its owner only, since events lie in it, and locks it for this process,
/// until what comes back is dropped. The operating system lets go of it where the process is
/// killed.
pub(crate) fn lock(dir: &Path) -> Result<File, Refused> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(dir);
    made.map_err(Refused::Unusable)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_of_events_is_made_for_its_owner_only_and_one_that_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |dir: &Path| std::fs::metadata(dir).unwrap().permissions().mode() & 0o777;
        let made = folder.path().join("a/spool");
        let _lock = lock(&made).unwrap();
        assert_eq!(mode(&made), 0o700);
        let there = folder.path().join("there");
        std::fs::create_dir(&there).unwrap();
        std::fs::set_permissions(&there, PermissionsExt::from_mode(0o750)).unwrap();
        let _lock = lock(&there).unwrap();
        assert_eq!(mode(&there), 0o750);
    }
}
