//! Who changed what, when, and how it ended: a file that is only appended to.
//!
//! Each change has two lines, one synchronised to disk before it begins and one after it has
//! ended. A run with the first only was killed.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether a line says that a change begins, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It begins.
    Started,
    /// It has ended.
    Ended,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    #[serde(with = "super::stamp")]
    pub at: Timestamp,
    /// Id of the run; the same on both lines.
    pub run: String,
    /// Beginning or end.
    pub stage: Stage,
    /// Who: `user@host`, or `http:ADDRESS`.
    pub who: String,
    /// What: replay, redirect, edit, purge, import.
    pub action: String,
    /// Which dead letters, and how.
    pub what: Value,
    /// How many, at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

/// The log cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the audit log '{}' cannot be {doing}: {error}", .path.display())]
pub struct AuditError {
    path: PathBuf,
    doing: &'static str,
    error: std::io::Error,
}

/// The log of one program.
#[derive(Clone, Debug)]
pub struct Audit {
    path: PathBuf,
    who: String,
}

impl Audit {
    /// A log in this file, which is made with its folder at the first entry, readable by its
    /// owner only. `who` stands in every entry.
    pub fn new(path: impl Into<PathBuf>, who: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            who: who.into(),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn by(&self, who: &str) -> Self {
        Self::new(&self.path, who)
    }

    /// Writes that a change begins; only then may it.
    pub(super) async fn begin(
        &self,
        run: &str,
        action: &str,
        what: Value,
    ) -> Result<(), AuditError> {
        self.write(self.entry(run, action, Stage::Started, what))
            .await
    }

    /// Writes how it ended.
    pub(super) async fn end(
        &self,
        run: &str,
        action: &str,
        what: Value,
        (count, result): (u64, String),
    ) -> Result<(), AuditError> {
        let mut entry = self.entry(run, action, Stage::Ended, what);
        (entry.count, entry.result) = (Some(count), Some(result));
        self.write(entry).await
    }

    fn entry(&self, run: &str, action: &str, stage: Stage, what: Value) -> AuditEntry {
        AuditEntry {
            at: Timestamp::now(),
            run: run.to_owned(),
            stage,
            who: self.who.clone(),
            action: action.to_owned(),
            what,
            count: None,
            result: None,
        }
    }

    async fn write(&self, entry: AuditEntry) -> Result<(), AuditError> {
        let path = self.path.clone();
        let writing = tokio::task::spawn_blocking(move || append(&path, &entry));
        let written = writing.await.map_err(std::io::Error::other).flatten();
        written.map_err(|error| self.failed("written", error))
    }

    /// The last `most` entries, oldest first; none where there is no log yet. A line that is
    /// no entry, cut off by a crash, is left out.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn last(&self, most: usize) -> Result<Vec<AuditEntry>, AuditError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed("read", error)),
        };
        let mut last = std::collections::VecDeque::new();
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(|error| self.failed("read", error))?;
            if let Ok(entry) = serde_json::from_slice(&line) {
                last.push_back(entry);
                if last.len() > most {
                    last.pop_front();
                }
            }
        }
        Ok(last.into())
    }

    fn failed(&self, doing: &'static str, error: std::io::Error) -> AuditError {
        AuditError {
            path: self.path.clone(),
            doing,
            error,
        }
    }
}

/// One write, so that lines of programs side by side do not mix.
fn append(path: &Path, entry: &AuditEntry) -> std::io::Result<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    if cut_off(&file)? {
        line.insert(0, b'\n');
    }
    file.write_all(&line)?;
    file.sync_data()
}

/// Whether a crash has left a line without its end.
fn cut_off(file: &File) -> std::io::Result<bool> {
    let mut last = [b'\n'];
    if let Some(at) = file.metadata()?.len().checked_sub(1) {
        file.read_exact_at(&mut last, at)?;
    }
    Ok(last != [b'\n'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn both_lines_of_a_change_are_read_back_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::new(dir.path().join("state/audit.ndjson"), "me@here");
        assert_eq!(audit.last(10).unwrap(), []);
        audit
            .begin("r1", "replay", json!({"all": true}))
            .await
            .unwrap();
        let ended = (3, "done".to_owned());
        audit.end("r1", "replay", json!({}), ended).await.unwrap();
        let entries = audit.last(10).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(
            (entries[0].stage, &*entries[0].who),
            (Stage::Started, "me@here")
        );
        assert_eq!(
            (entries[1].count, entries[1].result.as_deref()),
            (Some(3), Some("done"))
        );
        assert_eq!(audit.last(1).unwrap(), entries[1..]);
    }

    #[tokio::test]
    async fn a_line_cut_off_by_a_crash_costs_no_other_line() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::new(dir.path().join("audit.ndjson"), "me");
        std::fs::write(audit.path(), "{\"at\":\"20").unwrap();
        audit.begin("r1", "purge", json!({})).await.unwrap();
        let entries = audit.last(10).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].run, "r1");
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_written_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::new(dir.path(), "me");
        let refused = audit.begin("r", "purge", json!({})).await.unwrap_err();
        assert!(
            refused.to_string().contains("cannot be written"),
            "{refused}"
        );
    }
}
