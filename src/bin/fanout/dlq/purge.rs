//! `fanout dlq purge`

use std::io::{self, BufRead, IsTerminal, Write};

use fanout::operate::dlq::{Filter, ReplayPlan, Workbench};

use super::args::{FilterArgs, MoveArgs, plan};
use super::failed;
use super::progress::Bar;
use super::replay::{exit, render};
use crate::exit::{CommandError, Exit};
use crate::signals;

pub(super) async fn run(
    bench: &Workbench,
    filter: FilterArgs,
    moving: &MoveArgs,
    yes: bool,
) -> Result<Exit, CommandError> {
    let filter = bench.resolved(Filter::from(filter));
    let plan = plan(filter, moving);
    let stop = signals::stop();
    if !yes && !moving.dry_run {
        if !io::stdin().is_terminal() {
            let message = "purging deletes dead letters for ever";
            return Err(CommandError::new(Exit::Usage, message)
                .hint("say --yes where nobody can be asked, or --dry-run"));
        }
        let dry = ReplayPlan {
            dry_run: true,
            ..plan.clone()
        };
        let would = bench
            .purge(&dry, &stop, &mut Bar::new())
            .await
            .map_err(failed)?;
        if !confirmed(&render(&would, "purged"))? {
            return Err(CommandError::new(Exit::Findings, "nothing was purged"));
        }
    }
    let report = bench
        .purge(&plan, &stop, &mut Bar::new())
        .await
        .map_err(failed)?;
    moving
        .output
        .print(&report, |report| render(report, "purged"))?;
    Ok(exit(&report))
}

fn confirmed(what: &str) -> Result<bool, CommandError> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{what}\nDelete them for ever? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
