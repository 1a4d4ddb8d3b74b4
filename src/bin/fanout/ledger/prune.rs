//! `fanout ledger prune`

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use fanout::config::{Config, Loaded};
use fanout_neo4j::store::GraphStore;
use fanout_neo4j::{LedgerSize, ledger_size, prune_ledger};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{PATIENCE, age, ago, failed};
use crate::ask::graph::{FromArgs, store};
use crate::exit::{CommandError, Exit, complain};
use crate::output::{OutputArgs, figure};
use crate::signals;

/// Entries of one transaction: it holds their locks, and the memory of the server, only so long.
const AT_ONCE: u64 = 10_000;
/// The processor whose store has a ledger.
const PROCESSOR: &str = "neo4j";

const HELP: &str = "\
An event that comes again after its entry is gone is applied a second time: its count is one too
high for ever. So an age is refused, unless --force is given, that is below the time for which an
event may wait in its queue (message_ttl), in all its retry stages (retry_delays) and as a dead
letter (dlq.message_ttl). Where dead letters, or what waits in a queue, are kept for ever, no age
is safe for them: see fanout dlq list --until DATE before. Events that are published again from
files or an outbox are yours to know of.

The follow-ups that an entry holds go with it. The newest entry stays, whatever its age: a graph
without any is what a lost ledger looks like. Entries go 10,000 in a transaction, beside workers
that write; Ctrl-C ends after the one under way, and the next run goes on.";

/// Remove old entries
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct PruneArgs {
    /// Remove what is older, such as 30d [default: neo4j.ledger_retention]
    #[arg(long, value_name = "TIME", value_parser = age)]
    older_than: Option<Duration>,

    /// So many at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Change nothing, only count what would be removed
    #[arg(long)]
    dry_run: bool,

    /// Also what may still come again, and would then be applied twice
    #[arg(long)]
    force: bool,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    from: FromArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// The answer for programs.
#[derive(Debug, Serialize)]
struct Report {
    dry_run: bool,
    /// Entries older than this were meant.
    before: String,
    removed: u64,
    /// Entries that are left.
    remaining: u64,
    /// Those of them that were meant, too.
    prunable: u64,
    oldest: Option<String>,
    /// Whether somebody asked it to stop.
    stopped: bool,
}

pub(super) async fn run(args: PruneArgs, loaded: Loaded) -> Result<Exit, CommandError> {
    let set = loaded.config.neo4j.ledger_retention;
    let older_than = args.older_than.unwrap_or(set);
    refuse_what_comes_again(&args, older_than, &loaded.config)?;
    let store = store(&args.from, &loaded, PATIENCE).await?;
    let pruned = prune(&args, ago(older_than), store.as_ref()).await;
    store.close().await;
    let report = pruned?;
    args.output.print(&report, render)?;
    Ok(match report.stopped {
        true => Exit::Findings,
        false => Exit::Done,
    })
}

fn refuse_what_comes_again(
    args: &PruneArgs,
    older_than: Duration,
    config: &Config,
) -> Result<(), CommandError> {
    let needed = config.comes_again_within(PROCESSOR);
    if older_than >= needed {
        return Ok(());
    }
    let (given, needed) = (shown(older_than), shown(needed));
    let message = format!(
        "an event may come again within {needed} (message_ttl, retry_delays, dlq.message_ttl); \
         after its entry of {given} ago is gone it is applied a second time"
    );
    let refused = |hint: &str| Err(CommandError::new(Exit::Usage, &message).hint(hint));
    if !args.force {
        return refused("--force removes it all the same; --dry-run --force counts it");
    }
    if !args.yes && !args.dry_run && !io::stdin().is_terminal() {
        return refused("say --yes with --force where nobody can be asked");
    }
    Ok(())
}

/// In days where they are whole: months of humantime are no months.
fn shown(age: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    match age.as_secs() {
        days if days.is_multiple_of(DAY) => format!("{}d", days / DAY),
        _ => humantime::format_duration(age).to_string(),
    }
}

async fn prune(
    args: &PruneArgs,
    before: Timestamp,
    store: &dyn GraphStore,
) -> Result<Report, CommandError> {
    let size = measure(store, before).await?;
    let meant = size.older.min(args.limit.unwrap_or(u64::MAX));
    let mut report = Report {
        dry_run: args.dry_run,
        before: size.before.to_string(),
        removed: meant,
        remaining: size.entries - meant,
        prunable: size.older - meant,
        oldest: size.oldest.map(|at| at.to_string()),
        stopped: false,
    };
    if meant == 0 || args.dry_run {
        return Ok(report);
    }
    if !args.yes && io::stdin().is_terminal() && !confirmed(meant, size.before)? {
        return Err(CommandError::new(Exit::Findings, "nothing was removed"));
    }
    let stop = signals::stop();
    report.removed = remove(store, size.before, meant, &stop).await?;
    report.stopped = stop.is_cancelled() && report.removed < meant;
    let left = measure(store, before).await?;
    report.remaining = left.entries;
    report.prunable = left.older;
    report.oldest = left.oldest.map(|at| at.to_string());
    Ok(report)
}

async fn measure(store: &dyn GraphStore, before: Timestamp) -> Result<LedgerSize, CommandError> {
    let size = ledger_size(store, before, PATIENCE).await;
    size.map_err(|failure| failed(&failure))
}

/// Removes so many, or fewer where it is stopped or somebody else prunes, too.
async fn remove(
    store: &dyn GraphStore,
    before: Timestamp,
    meant: u64,
    stop: &CancellationToken,
) -> Result<u64, CommandError> {
    let bar = bar(meant);
    let mut removed = 0;
    while removed < meant && !stop.is_cancelled() {
        let limit = (meant - removed).min(AT_ONCE);
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        match prune_ledger(store, before, limit, PATIENCE).await {
            Ok(0) => break,
            Ok(gone) => removed += gone,
            Err(failure) => {
                bar.finish_and_clear();
                complain(&format!("{removed} entries were removed before"));
                return Err(failed(&failure));
            }
        }
        bar.set_position(removed);
    }
    bar.finish_and_clear();
    Ok(removed)
}

/// On terminals only.
fn bar(meant: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(meant), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} removed, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn confirmed(meant: u64, before: Timestamp) -> Result<bool, CommandError> {
    let mut stderr = io::stderr().lock();
    write!(
        stderr,
        "An event that comes again after its entry is gone, such as a dead letter that is \
         replayed, is applied a second time.\nRemove {meant} entries older than {before}? [y/N] "
    )?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn render(report: &Report) -> String {
    let would = if report.dry_run { "would be " } else { "" };
    let mut lines = vec![format!(
        "{} entries older than {} {would}removed",
        report.removed, report.before
    )];
    let (remaining, oldest) = (report.remaining, figure(report.oldest.as_ref()));
    lines.push(match report.dry_run {
        true => format!("{remaining} would remain"),
        false => format!("{remaining} remain, the oldest of {oldest}"),
    });
    if report.prunable > 0 {
        lines.push(format!("{} of them are as old", report.prunable));
    }
    if report.stopped {
        lines.push("stopped; the next run goes on".to_owned());
    }
    lines.join("\n")
}
