//! `fanout dlq`: look into the dead letters, mend them, send them on their way again.

mod args;
mod audit;
mod edit;
mod group;
mod list;
mod open;
mod progress;
mod purge;
mod replay;
mod show;
mod transfer;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use fanout::config::{Config, Loaded};
use fanout::operate::dlq::DlqError;

use crate::connect;
use crate::exit::{CommandError, Exit};
use crate::output::OutputArgs;
use crate::stores;
use args::{FilterArgs, MoveArgs, PaceArgs};
use open::Opened;

pub(crate) use group::render as grouped;
pub(crate) use replay::render as replayed;
pub(crate) use show::render as shown;

const HELP: &str = "\
Looking consumes nothing. A replay goes to the queue in which an event failed, never to the
exchange, so that no other projection sees it again. What changes something stands in the audit
log (dlq.audit_file). With USE_RABBITMQ=false the store in broker.local_dir is looked into; where
a gateway has it, ask that one: GET /dlq.

At night:
  fanout dlq group                              what is wrong, and how often
  fanout dlq list --group 1f0c9a2e --limit 5    some of one kind
  fanout dlq show EVENT-ID                      one of them, with history and body
  fanout dlq replay --group 1f0c9a2e --dry-run  what a replay would do
  fanout dlq replay --group 1f0c9a2e --canary   1, then 10, 100, 1,000, the rest; stops when
                                                some come back
  fanout dlq replay --all --rate 500            everything, at most 500 a second
  fanout dlq edit EVENT-ID --set /payload/price=9.5
  fanout dlq export dead.ndjson && fanout dlq purge --all

docs/dead-letters.md has the whole way.";

/// Look into the dead letters, mend them, replay them
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct DlqArgs {
    /// One dead-letter queue [default: all of the configuration]
    #[arg(long, global = true, value_name = "NAME")]
    dlq: Option<String>,

    #[command(subcommand)]
    command: DlqCommand,
}

#[derive(Debug, Subcommand)]
enum DlqCommand {
    /// Dead letters one by one, oldest first
    List {
        #[command(flatten)]
        filter: FilterArgs,

        /// Dead letters shown at most
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,

        /// Leave out so many first
        #[arg(long, default_value_t = 0, value_name = "N")]
        offset: u64,

        #[command(flatten)]
        output: OutputArgs,
    },
    /// One dead letter with headers, history and body
    Show {
        /// Event id, as list and group show it
        id: String,

        /// Show what dlq.redact masks
        #[arg(long)]
        unredacted: bool,

        #[command(flatten)]
        output: OutputArgs,
    },
    /// Dead letters counted by queue, reason, kind and error
    Group {
        #[command(flatten)]
        filter: FilterArgs,

        #[command(flatten)]
        output: OutputArgs,
    },
    /// Send dead letters back to the queues they failed in
    Replay {
        #[command(flatten)]
        filter: FilterArgs,

        #[command(flatten)]
        moving: MoveArgs,

        #[command(flatten)]
        pace: PaceArgs,
    },
    /// Send dead letters to another queue than that of origin
    Redirect {
        /// Key or name of a configured queue
        #[arg(long, value_name = "QUEUE")]
        to: String,

        #[command(flatten)]
        filter: FilterArgs,

        #[command(flatten)]
        moving: MoveArgs,

        #[command(flatten)]
        pace: PaceArgs,
    },
    /// Mend the body of a dead letter, and send it back to the queue it failed in
    Edit(edit::EditArgs),
    /// Delete dead letters for ever
    Purge {
        #[command(flatten)]
        filter: FilterArgs,

        #[command(flatten)]
        moving: MoveArgs,

        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Write dead letters to a file, one a line, byte for byte; they stay where they are
    Export {
        /// File to make, or - for standard output
        file: PathBuf,

        #[command(flatten)]
        filter: FilterArgs,
    },
    /// Put exported dead letters back into the queue they were in
    Import {
        /// File of fanout dlq export, or - for standard input
        file: PathBuf,

        /// Change nothing, only count what would be done
        #[arg(long)]
        dry_run: bool,

        #[command(flatten)]
        output: OutputArgs,
    },
    /// Who changed what, and how it ended
    Audit {
        /// Entries shown at most, the newest
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,

        #[command(flatten)]
        output: OutputArgs,
    },
}

pub(crate) async fn run(args: DlqArgs, loaded: Loaded) -> Result<Exit, CommandError> {
    if let DlqCommand::Audit { limit, output } = args.command {
        return audit::run(&loaded.config, limit, output);
    }
    let mut opened = Opened::open(&loaded.config, args.dlq.as_deref()).await?;
    if asks_the_stores(&args.command) {
        opened.bench = opened.bench.with_stores(stores::of(&loaded));
    }
    let ended = dispatch(args.command, &loaded.config, &opened).await;
    opened.close().await;
    ended
}

/// Whether it matters which events are applied all the same.
fn asks_the_stores(command: &DlqCommand) -> bool {
    match command {
        DlqCommand::Show { .. } => true,
        DlqCommand::Replay { pace, .. } => !pace.force,
        _ => false,
    }
}

async fn dispatch(
    command: DlqCommand,
    config: &Config,
    opened: &Opened,
) -> Result<Exit, CommandError> {
    let bench = &opened.bench;
    match command {
        DlqCommand::List {
            filter,
            limit,
            offset,
            output,
        } => list::run(bench, filter, (offset, limit), output).await,
        DlqCommand::Show {
            id,
            unredacted,
            output,
        } => {
            let redact = if unredacted { &[] } else { &*config.dlq.redact };
            show::run(bench, &id, redact, output).await
        }
        DlqCommand::Group { filter, output } => group::run(bench, filter, output).await,
        DlqCommand::Replay {
            filter,
            moving,
            pace,
        } => replay::run(bench, None, filter, &moving, &pace).await,
        DlqCommand::Redirect {
            to,
            filter,
            moving,
            pace,
        } => {
            let to = config
                .queues
                .get(&to)
                .map_or(to, |queue| queue.name.clone());
            replay::run(bench, Some(to), filter, &moving, &pace).await
        }
        DlqCommand::Edit(args) => edit::run(bench, config, &args).await,
        DlqCommand::Export { file, filter } => transfer::export(bench, filter, &file).await,
        DlqCommand::Import {
            file,
            dry_run,
            output,
        } => transfer::import(bench, config, &file, dry_run, output).await,
        DlqCommand::Purge {
            filter,
            moving,
            yes,
        } => purge::run(bench, filter, &moving, yes).await,
        DlqCommand::Audit { limit, output } => audit::run(config, limit, output),
    }
}

/// What the workbench could not do, with the next step.
pub(crate) fn failed(error: DlqError) -> CommandError {
    let (exit, hint) = match &error {
        DlqError::Broker(error) => return connect::failed(error.clone()),
        DlqError::Missing(_) => (Exit::Findings, Some("fanout topology apply declares it")),
        DlqError::NotFound(_) => (
            Exit::Findings,
            Some("fanout dlq list shows the ids there are"),
        ),
        DlqError::NothingSelected => (
            Exit::Usage,
            Some(
                "--id, --group, --kind, --reason, --queue, --key, --since, --until, --text or --all",
            ),
        ),
        DlqError::NoSuchQueue(_) => (Exit::Usage, Some("fanout queue list shows the queues")),
        DlqError::Audit(_) => (Exit::Configuration, Some("dlq.audit_file names the file")),
        DlqError::Publish(_) => (Exit::RunTime, None),
        DlqError::Output(_) => (Exit::RunTime, None),
        DlqError::Refused(_) => (Exit::Findings, None),
    };
    let error = CommandError::new(exit, error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
