//! How far a file has come, noted beside it: a run that was killed goes on from there.
//!
//! The note lags behind by up to a second, and what is published again has the same ids: a
//! note that is lost or old costs time and changes nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fanout::config::{Config, UseRabbitmq, mask_url};
use fanout::publish::{IdSource, Notice};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::exit::complain;

/// Between two writes: a second of publishing is done again at most.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Ending of the note's name, behind the file's whole name.
const ENDING: &str = "progress";

/// What the note belongs to. A file that was changed, or another destination, has another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    /// SHA-256 of the file's content, in hex.
    sha256: String,
    exchange: String,
    routing_key: Option<String>,
    /// The broker, without its password; or the folder of the one inside.
    broker: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Content {
    #[serde(flatten)]
    about: About,
    /// Every line up to this one is with the broker, or refused.
    line: u64,
    /// Lines refused up to there.
    refused: u64,
}

/// The note of a run.
#[derive(Debug)]
pub(crate) struct Note {
    path: PathBuf,
    content: Content,
    written: Instant,
    broken: bool,
}

impl Note {
    /// The note of this file; `None` for a stream, which has no end to be known by.
    pub(crate) fn of(
        file: Option<&Path>,
        ids: IdSource,
        config: &Config,
        exchange: &str,
        routing_key: Option<&str>,
    ) -> Option<Self> {
        let (Some(file), IdSource::File(digest)) = (file, ids) else {
            return None;
        };
        let mut name = file.file_name()?.to_owned();
        name.push(".");
        name.push(ENDING);
        let about = About {
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            exchange: exchange.to_owned(),
            routing_key: routing_key.map(str::to_owned),
            broker: destination(config),
        };
        Some(Self {
            path: file.with_file_name(name),
            content: Content {
                about,
                line: 0,
                refused: 0,
            },
            written: Instant::now(),
            broken: false,
        })
    }

    /// Goes on from an earlier run's note, where there is one about the same: the first line
    /// that is not settled.
    pub(crate) fn go_on(&mut self) -> Option<u64> {
        let found = fs::read(&self.path).ok()?;
        let found: Content = serde_json::from_slice(&found).ok()?;
        if found.about != self.content.about || found.line == 0 {
            return None;
        }
        self.content = found;
        Some(self.content.line + 1)
    }

    /// Lines that an earlier run has refused.
    pub(crate) fn refused_before(&self) -> u64 {
        self.content.refused
    }

    /// Takes a notice in, and writes now and then.
    pub(crate) fn notice(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::Refused { .. } => self.content.refused += 1,
            Notice::Settled { safe_line, .. } => {
                self.content.line = self.content.line.max(*safe_line);
                if self.written.elapsed() >= WRITE_EVERY {
                    self.write();
                }
            }
        }
    }

    /// At the end: the note is gone once nothing is left to do.
    pub(crate) fn end(mut self, resume_from: Option<u64>) {
        match resume_from {
            Some(_) => self.write(),
            None => match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => self.complain(&error),
                _ => {}
            },
        }
    }

    fn write(&mut self) {
        self.written = Instant::now();
        if self.broken || self.content.line == 0 {
            return;
        }
        if let Err(error) = self.replace() {
            self.complain(&error);
        }
    }

    /// In one step: a reader never sees half of it.
    fn replace(&self) -> io::Result<()> {
        let mut draft = self.path.clone().into_os_string();
        draft.push("~");
        fs::write(&draft, serde_json::to_vec(&self.content)?)?;
        fs::rename(&draft, &self.path)
    }

    fn complain(&mut self, error: &io::Error) {
        self.broken = true;
        let path = self.path.display();
        complain(&format!(
            "warning: the progress note {path} cannot be kept: {error}"
        ));
    }
}

fn destination(config: &Config) -> String {
    let broker = &config.broker;
    match broker.use_rabbitmq {
        UseRabbitmq::False => broker.local_dir.display().to_string(),
        _ => {
            let urls = broker.urls.iter().map(|url| mask_url(url.expose()));
            urls.collect::<Vec<_>>().join(",")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(folder: &Path, digest: u8, exchange: &str) -> Note {
        let file = folder.join("a.csv.gz");
        let ids = IdSource::File([digest; 32]);
        Note::of(Some(&file), ids, &Config::default(), exchange, None).unwrap()
    }

    fn settled(note: &mut Note, safe_line: u64) {
        note.notice(&Notice::Settled {
            offset: 1,
            safe_line,
        });
    }

    #[test]
    fn a_note_is_found_again_for_the_same_content_and_destination_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = note(folder.path(), 1, "events");
        assert_eq!(first.go_on(), None);
        settled(&mut first, 41);
        first.end(Some(42));
        assert_eq!(note(folder.path(), 1, "events").go_on(), Some(42));
        assert_eq!(note(folder.path(), 2, "events").go_on(), None);
        assert_eq!(note(folder.path(), 1, "others").go_on(), None);
        note(folder.path(), 1, "events").end(None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_note_that_is_damaged_is_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.csv.gz.progress"), "{\"line\":").unwrap();
        assert_eq!(note(folder.path(), 1, "events").go_on(), None);
    }
}
