//! Dead letters into a file and out of one.

use std::collections::HashSet;
use std::io::{self, Write};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::bench::{Progress, Workbench, run_id};
use super::error::DlqError;
use super::filter::Filter;
use super::letter::DeadLetter;
use super::report::Stop;
use super::walk::Walk;
use super::wire::Line;
use crate::broker::Message;
use crate::recovery;

/// Messages on their way to the broker.
const WINDOW: usize = 400;
/// Dead letters remembered to recognise those that are there already; 16 bytes each.
const REMEMBERED: usize = 1_000_000;
/// Refused lines that are told one by one.
const TOLD: usize = 20;

/// What an import has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Id of this run.
    pub run: String,
    /// Lines read.
    pub lines: u64,
    /// Put into a dead-letter queue; in a dry run, those that would be.
    pub done: u64,
    /// In a dead-letter queue already, with the same id and body.
    pub known: u64,
    /// Lines that were not taken.
    pub refused: u64,
    /// The first of them: line and problem.
    pub problems: Vec<(u64, String)>,
    /// Nothing was changed.
    pub dry_run: bool,
    /// Why it ended early.
    pub stopped: Option<Stop>,
}

impl ImportReport {
    fn refuse(&mut self, line: u64, problem: String) {
        self.refused += 1;
        if self.problems.len() < TOLD {
            self.problems.push((line, problem));
        }
    }
}

type Mark = [u8; 16];

impl Workbench {
    /// Writes the dead letters that match, one a line, with headers and bodies, byte for byte;
    /// says how many. They stay where they are.
    ///
    /// # Errors
    /// The broker cannot be asked; or `out` cannot be written.
    pub async fn export(
        &self,
        filter: &Filter,
        out: &mut (dyn Write + Send),
        progress: &mut dyn Progress,
    ) -> Result<u64, DlqError> {
        let mut written = 0;
        let unwritable = |error: io::Error| DlqError::Output(error);
        for dlq in &self.queues {
            let mut walk = Walk::begin(self.broker.clone(), dlq).await?;
            while let Some(held) = walk.next().await? {
                progress.at(walk.seen(), walk.ready(), written);
                let letter = self.read(dlq, held.delivery.message);
                if filter.matches(&letter) {
                    let line = serde_json::to_vec(&Line::of(&letter));
                    let mut line = line.map_err(|error| unwritable(error.into()))?;
                    line.push(b'\n');
                    out.write_all(&line).map_err(unwritable)?;
                    written += 1;
                }
            }
            walk.close().await?;
        }
        out.flush().map_err(unwritable)?;
        Ok(written)
    }

    /// Puts exported dead letters back into the dead-letter queue they were in. What is there
    /// already, with the same id and body, is left out, so that a repetition does no harm.
    ///
    /// # Errors
    /// Nothing was begun: the audit log cannot be written, the broker cannot be asked. What
    /// happens later stands in the report.
    pub async fn import(
        &self,
        lines: &mut (dyn Iterator<Item = io::Result<Vec<u8>>> + Send),
        dry_run: bool,
        stop: &CancellationToken,
    ) -> Result<ImportReport, DlqError> {
        let run = run_id();
        let what = json!({ "dlq": self.queues });
        let mut known = self.marks().await?;
        if !dry_run {
            self.audit.begin(&run, "import", what.clone()).await?;
        }
        let mut report = ImportReport {
            run: run.clone(),
            dry_run,
            ..ImportReport::default()
        };
        self.take_in(lines, &mut known, stop, &mut report).await;
        if !dry_run {
            let result = match &report.stopped {
                None => "done".to_owned(),
                Some(stop) => format!("stopped: {stop:?}"),
            };
            self.audit
                .end(&run, "import", what, (report.done, result))
                .await?;
        }
        Ok(report)
    }

    async fn take_in(
        &self,
        lines: &mut (dyn Iterator<Item = io::Result<Vec<u8>>> + Send),
        known: &mut HashSet<Mark>,
        stop: &CancellationToken,
        report: &mut ImportReport,
    ) {
        let mut flights = FuturesUnordered::new();
        for line in lines {
            if stop.is_cancelled() {
                report.stopped.get_or_insert(Stop::Asked);
            }
            if report.stopped.is_some() {
                break;
            }
            report.lines += 1;
            let number = report.lines;
            let line = match line {
                Ok(line) => line,
                Err(error) => {
                    report.refuse(number, error.to_string());
                    break;
                }
            };
            let message = match self.restored(&line) {
                Ok((mark, _)) if known.contains(&mark) => {
                    report.known += 1;
                    continue;
                }
                Ok((mark, message)) => {
                    if known.len() < REMEMBERED {
                        known.insert(mark);
                    }
                    message
                }
                Err(problem) => {
                    report.refuse(number, problem);
                    continue;
                }
            };
            if report.dry_run {
                report.done += 1;
                continue;
            }
            let broker = self.broker.clone();
            flights.push(async move { (number, broker.publish(message).await) });
            // The first poll sets it on its way.
            while let Some(Some(sent)) = flights.next().now_or_never() {
                settle(sent, report);
            }
            while flights.len() >= WINDOW
                && let Some(sent) = flights.next().await
            {
                settle(sent, report);
            }
        }
        while let Some(sent) = flights.next().await {
            settle(sent, report);
        }
    }

    /// What is in the dead-letter queues, as far as it can be remembered.
    async fn marks(&self) -> Result<HashSet<Mark>, DlqError> {
        let mut marks = HashSet::new();
        for dlq in &self.queues {
            let mut walk = Walk::begin(self.broker.clone(), dlq).await?;
            while marks.len() < REMEMBERED
                && let Some(held) = walk.next().await?
            {
                marks.insert(mark(&self.read(dlq, held.delivery.message)));
            }
            walk.close().await?;
        }
        Ok(marks)
    }

    fn restored(&self, line: &[u8]) -> Result<(Mark, Message), String> {
        let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let dlq = match (self.queues.contains(&line.dlq), self.queues.as_slice()) {
            (true, _) => line.dlq.clone(),
            (false, [only]) => only.clone(),
            _ => {
                return Err(format!(
                    "'{}' is no dead-letter queue here: name one",
                    line.dlq
                ));
            }
        };
        let letter = self.read(&dlq, line.message()?);
        let (id, note) = (letter.event_id.as_ref(), letter.note());
        let message = recovery::restored(&letter.message, id, dlq.clone(), note.as_ref());
        Ok((mark(&letter), message))
    }
}

fn settle(
    (line, outcome): (u64, Result<(), crate::broker::PublishError>),
    report: &mut ImportReport,
) {
    match outcome {
        Ok(()) => report.done += 1,
        Err(error) => {
            report.refuse(line, format!("{}: {error}", error.code()));
            if super::moving::concerns_all(&error) {
                let stop = Stop::Broker(error.to_string());
                report.stopped.get_or_insert(stop);
            }
        }
    }
}

fn mark(letter: &DeadLetter) -> Mark {
    let mut hasher = Sha256::new();
    hasher.update(letter.id.as_bytes());
    hasher.update([0]);
    hasher.update(&letter.message.body);
    let mut mark = Mark::default();
    for (to, from) in mark.iter_mut().zip(hasher.finalize()) {
        *to = from;
    }
    mark
}
