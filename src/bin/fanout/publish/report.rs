//! What is said when the run is over.

use fanout::publish::{Problem, Tally};
use serde::Serialize;
use std::time::Duration;

use super::note::Note;
use crate::exit::{CommandError, Exit, complain};
use crate::output::OutputArgs;

/// Line numbers named in the text; `--json` has up to 1,000 with their reasons.
const NAMED: usize = 10;

/// Where a run went on that was interrupted.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct WentOn {
    /// Its first line.
    pub(crate) line: u64,
    /// Lines that were refused before it.
    pub(crate) refused: u64,
}

impl WentOn {
    /// What the note says, told to the user.
    pub(crate) fn read(note: &mut Note) -> Option<Self> {
        let line = note.go_on()?;
        complain(&format!(
            "note: going on with line {line}, where the last run ended; --from-line 1 begins anew"
        ));
        Some(Self {
            line,
            refused: note.refused_before(),
        })
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    exchange: String,
    went_on: Option<WentOn>,
    published: u64,
    refused: u64,
    refusals: Vec<Problem>,
    failed: u64,
    failures: Vec<Problem>,
    interrupted: bool,
    resume_from: Option<u64>,
    seconds: f64,
}

impl Summary {
    pub(crate) fn new(
        exchange: String,
        tally: Tally,
        took: Duration,
        went_on: Option<WentOn>,
    ) -> Self {
        Self {
            exchange,
            went_on,
            published: tally.published,
            refused: tally.refused,
            failed: tally.failed,
            interrupted: tally.interrupted,
            resume_from: tally.resume_from(),
            refusals: tally.refusals,
            failures: tally.failures,
            seconds: took.as_secs_f64(),
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self.resume_from {
            Some(_) if !self.interrupted => Exit::RunTime,
            None if self.refused == 0 && self.went_on.is_none_or(|at| at.refused == 0) => {
                Exit::Done
            }
            _ => Exit::Findings,
        }
    }

    /// Data on standard output, the next step on standard error.
    pub(crate) fn print(&self, output: OutputArgs) -> Result<(), CommandError> {
        output.print(self, Self::text)?;
        self.hints();
        Ok(())
    }

    /// The next step, where there is one.
    pub(crate) fn hints(&self) {
        if let Some(problem) = self.failures.first() {
            let Problem { line, reason, .. } = problem;
            complain(&format!("error: line {line} was given up: {reason}"));
        }
        if let Some(line) = self.resume_from {
            complain(&format!(
                "hint: go on with --from-line {line}; what is published again counts once"
            ));
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "published {} to exchange '{}' in {:.1} s",
            count(self.published, "event"),
            self.exchange,
            self.seconds
        );
        for (number, problems, what) in [
            (self.refused, &self.refusals, "refused"),
            (self.failed, &self.failures, "not confirmed"),
        ] {
            if number > 0 {
                let lines: Vec<_> = problems
                    .iter()
                    .take(NAMED)
                    .map(|problem| problem.line.to_string())
                    .collect();
                let more = if number > NAMED as u64 { " …" } else { "" };
                let lines = lines.join(", ");
                text.push_str(&format!(
                    "\n{what} {}: {lines}{more}",
                    count(number, "line")
                ));
            }
        }
        if let Some(WentOn { line, refused }) = self.went_on {
            let refused = count(refused, "line");
            text.push_str(&format!(
                "\nwent on with line {line}; {refused} refused before it"
            ));
        }
        if self.interrupted {
            text.push_str("\nstopped by a signal before the end of the input");
        }
        text
    }
}

fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
