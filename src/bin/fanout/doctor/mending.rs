//! `fanout doctor --fix`: asks, takes the safe steps, says what it did and what it left.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};

use fanout::config::Loaded;
use fanout::operate::doctor::{Fix, Report, mend};
use serde::Serialize;

use super::{DoctorArgs, destinations};
use crate::exit::{CommandError, Exit};

/// A step, and why it was not taken where it was not.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    step: String,
    left: Option<String>,
}

impl Step {
    pub(super) fn is_done(&self) -> bool {
        self.left.is_none()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.left {
            None => write!(f, "done: {}", self.step),
            Some(why) => write!(f, "left: {}: {why}", self.step),
        }
    }
}

/// Takes the steps that the findings name.
pub(super) async fn run(
    loaded: &Loaded,
    report: &Report,
    args: &DoctorArgs,
) -> Result<Vec<Step>, CommandError> {
    let fixes = report.fixes();
    if fixes.is_empty() {
        return Ok(Vec::new());
    }
    if !args.yes && !confirmed(&fixes)? {
        return Ok(Vec::new());
    }
    let at_broker = mend(&loaded.config, &fixes).await;
    let mut steps: Vec<_> = at_broker
        .into_iter()
        .map(|mended| Step {
            step: mended.fix.to_string(),
            left: mended.left,
        })
        .collect();
    for fix in &fixes {
        if let Fix::Prepare(processor) = fix {
            let prepared = destinations::prepare(processor, loaded).await;
            steps.push(Step {
                step: fix.to_string(),
                left: prepared.err(),
            });
        }
    }
    Ok(steps)
}

fn confirmed(fixes: &[Fix]) -> Result<bool, CommandError> {
    if !io::stdin().is_terminal() {
        let steps: Vec<_> = fixes.iter().map(ToString::to_string).collect();
        return Err(
            CommandError::new(Exit::Usage, format!("--fix would {}", steps.join("; ")))
                .hint("say --yes where nobody can be asked"),
        );
    }
    let mut stderr = io::stderr().lock();
    for fix in fixes {
        writeln!(stderr, "  {fix}")?;
    }
    write!(stderr, "Do this? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
