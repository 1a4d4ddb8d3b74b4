//! `fanout ledger stats`

use clap::Args;
use fanout::config::Loaded;
use fanout_neo4j::ledger_size;
use serde::Serialize;

use super::{PATIENCE, ago, failed};
use crate::ask::graph::{FromArgs, store};
use crate::exit::{CommandError, Exit};
use crate::output::{OutputArgs, figure};

/// How many entries there are, and how many of them may be pruned
#[derive(Debug, Args)]
pub(super) struct StatsArgs {
    #[command(flatten)]
    from: FromArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// The answer for programs.
#[derive(Debug, Serialize)]
struct Stats {
    entries: u64,
    /// Older than `neo4j.ledger_retention`.
    prunable: u64,
    oldest: Option<String>,
    newest: Option<String>,
}

pub(super) async fn run(args: StatsArgs, loaded: Loaded) -> Result<Exit, CommandError> {
    let store = store(&args.from, &loaded, PATIENCE).await?;
    let before = ago(loaded.config.neo4j.ledger_retention);
    let size = ledger_size(store.as_ref(), before, PATIENCE).await;
    store.close().await;
    let size = size.map_err(|failure| failed(&failure))?;
    let stats = Stats {
        entries: size.entries,
        prunable: size.older,
        oldest: size.oldest.map(|at| at.to_string()),
        newest: size.newest.map(|at| at.to_string()),
    };
    args.output.print(&stats, |stats| {
        format!(
            "entries   {}\nprunable  {}\noldest    {}\nnewest    {}",
            stats.entries,
            stats.prunable,
            figure(stats.oldest.as_ref()),
            figure(stats.newest.as_ref())
        )
    })?;
    Ok(Exit::Done)
}
