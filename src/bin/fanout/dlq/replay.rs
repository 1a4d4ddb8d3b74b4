//! `fanout dlq replay` and `fanout dlq redirect`

use fanout::operate::dlq::{Filter, ReplayReport, Stop, Workbench};

use super::args::{FilterArgs, MoveArgs, PaceArgs, paced, plan};
use super::failed;
use super::progress::Bar;
use crate::exit::{CommandError, Exit, complain};
use crate::signals;

pub(super) async fn run(
    bench: &Workbench,
    to: Option<String>,
    filter: FilterArgs,
    moving: &MoveArgs,
    pace: &PaceArgs,
) -> Result<Exit, CommandError> {
    let filter = bench.resolved(Filter::from(filter));
    let plan = paced(plan(filter, moving), pace, to);
    let stop = signals::stop();
    let report = bench
        .replay(&plan, &stop, &mut Bar::new())
        .await
        .map_err(failed)?;
    moving
        .output
        .print(&report, |report| render(report, "replayed"))?;
    if report.left.contains_key("unknown-origin") {
        complain("hint: fanout dlq redirect --to QUEUE sends on what has no origin");
    }
    if report.left.contains_key("already-applied") {
        complain("hint: what is applied needs no replay; --force replays it all the same");
    }
    Ok(exit(&report))
}

/// What a run did, line by line; `done` is what it is called.
pub(crate) fn render(report: &ReplayReport, done: &str) -> String {
    let would = if report.dry_run { "would be " } else { "" };
    let mut lines = vec![format!(
        "{} {would}{done}, {} read, run {}",
        report.done, report.looked_at, report.run
    )];
    for row in &report.by {
        let queue = if row.queue.is_empty() {
            "-"
        } else {
            &row.queue
        };
        lines.push(format!("  {} {queue} {}", row.count, row.reason));
    }
    for (why, count) in &report.left {
        lines.push(format!("  {count} left: {why}"));
    }
    for (code, count) in &report.failed {
        lines.push(format!("  {count} failed: {code}"));
    }
    for step in &report.steps {
        let settled = if step.settled {
            "settled"
        } else {
            "not settled"
        };
        lines.push(format!(
            "  step of {}: {settled}, {} came back",
            step.replayed, step.came_back
        ));
    }
    match &report.stopped {
        Some(Stop::Asked) => lines.push("stopped; the rest is where it was".to_owned()),
        Some(Stop::Canary(why)) => lines.push(format!("stopped by the canary: {why}")),
        Some(Stop::Broker(why)) => lines.push(format!("stopped by the broker: {why}")),
        None => {}
    }
    if report.incomplete {
        lines
            .push("somebody else holds some of the dead letters: not all could be read".to_owned());
    }
    lines.join("\n")
}

pub(super) fn exit(report: &ReplayReport) -> Exit {
    let nothing = report.done == 0 && !report.dry_run;
    match &report.stopped {
        Some(Stop::Broker(_)) => Exit::RunTime,
        Some(_) => Exit::Findings,
        None if nothing || !report.failed.is_empty() || report.incomplete => Exit::Findings,
        None => Exit::Done,
    }
}
