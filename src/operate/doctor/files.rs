//! Files and folders of this machine: secrets that others can read, a spool without room.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::case::Notes;
use super::finding::{Area, checks};
use super::{Examination, Severity};
use crate::config::{Config, UseRabbitmq, show_size};

checks! { Environment:
    READABLE = "secret-file-readable", Warning,
        "every user of the machine can read the password in it";
    SPOOL = "spool-not-writable", Error,
        "while the broker is away a publisher has nowhere to keep events, and refuses them";
    LOCAL = "local-broker-not-writable", Error,
        "the broker inside the process keeps events there: in direct mode no program starts";
    SPOOL_ROOM = "spool-disk-low", Warning,
        "the spool cannot grow to its limit: publishers refuse events sooner than configured";
}

/// Everybody.
const OTHERS_READ: u32 = 0o004;
/// The file of a spool takes up to twice what it holds.
const SPOOL_FACTOR: u64 = 2;

pub(super) fn check(examination: &Examination<'_>, notes: &mut Notes) {
    for path in examination.files {
        readable(path, Severity::Warning, notes);
    }
    for (name, path) in examination.env {
        // Container platforms mount secrets readable, for nobody else is in there.
        if name.ends_with("_FILE") && known(name) && !Path::new(path).starts_with("/run/secrets") {
            readable(Path::new(path), Severity::Notice, notes);
        }
    }
    spool(examination.config, notes);
    local_broker(examination.config, notes);
}

/// Secrets of ours; other programs have variables that end so, too.
fn known(name: &str) -> bool {
    ["RABBITMQ_", "NEO4J_", "QDRANT_", "FANOUT_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

fn readable(path: &Path, severity: Severity, notes: &mut Notes) {
    let Ok(metadata) = std::fs::metadata(path) else {
        return;
    };
    if metadata.is_file() && metadata.mode() & OTHERS_READ != 0 {
        let shown = path.display();
        let found = READABLE.found(
            shown.to_string(),
            format!("the file has mode {:o}", metadata.mode() & 0o777),
            format!("chmod o-rwx {shown}"),
        );
        notes.add(found.severity(severity));
    }
}

/// The folder, or the nearest one above it that exists: it is made when first used.
fn existing(dir: &Path) -> &Path {
    let existing = dir.ancestors().find(|path| path.exists());
    let existing = existing.filter(|path| !path.as_os_str().is_empty());
    existing.unwrap_or(Path::new("."))
}

/// Why nothing can be written to the folder.
fn not_writable(dir: &Path) -> Option<String> {
    let existing = existing(dir);
    let writable = access(existing, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    (!existing.is_dir() || !writable).then(|| {
        let existing = existing.display();
        format!("{existing} is no folder that this user may write to")
    })
}

fn local_broker(config: &Config, notes: &mut Notes) {
    let dir = &config.broker.local_dir;
    if config.broker.use_rabbitmq == UseRabbitmq::False
        && let Some(what) = not_writable(dir)
    {
        notes.add(LOCAL.found(
            dir.display().to_string(),
            what,
            "broker.local_dir names a folder on a volume that this user may write to",
        ));
    }
}

fn spool(config: &Config, notes: &mut Notes) {
    let dir = &config.spool.dir;
    let shown = dir.display().to_string();
    if let Some(what) = not_writable(dir) {
        let found = SPOOL.found(
            shown,
            what,
            "FANOUT_SPOOL_DIR names a folder on a volume that this user may write to; a program \
             that does not publish needs none",
        );
        // Where no volume was given for it, none may be needed.
        let wanted = dir.exists() || !existing(dir).is_dir();
        notes.add(if wanted {
            found
        } else {
            found.severity(Severity::Notice)
        });
        return;
    }
    let Ok(disk) = statvfs(existing(dir)) else {
        notes.gap(
            Area::Environment,
            format!("the free space of {shown}"),
            "df tells",
        );
        return;
    };
    let free = disk.blocks_available().saturating_mul(disk.fragment_size());
    let wanted = config.spool.max_bytes.saturating_mul(SPOOL_FACTOR);
    if free < wanted {
        notes.add(SPOOL_ROOM.found(
            shown,
            format!(
                "{} are free, the spool takes up to {}",
                show_size(free),
                show_size(wanted)
            ),
            "free or add disk, or lower spool.max_bytes",
        ));
    }
}
