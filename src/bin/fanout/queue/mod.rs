//! `fanout queue`

mod list;
mod pause;
mod purge;
mod show;

use clap::{Args, Subcommand};
use fanout::config::Config;
use fanout::operate::queues::{self, Statistics};
use fanout::topology::Topology;

use crate::exit::{CommandError, Exit, complain};
use crate::output::OutputArgs;

const HELP: &str = "\
Depths are asked from the broker itself. Unacknowledged messages and rates need the management
API; without RABBITMQ_MANAGEMENT_URL they are shown as - (null in JSON).

Examples:
  fanout queue list
  fanout queue show neo4j --json
  fanout queue pause neo4j --reason 'restoring the backup'
  fanout queue resume neo4j
  fanout queue purge events.dlq --yes

A paused queue keeps taking messages; its workers finish what is in their hands and rest, those
that start later too, until it is resumed.";

/// Look at the queues, or empty one
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct QueueArgs {
    #[command(subcommand)]
    command: QueueCommand,
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// Depths, retry stages, suspects, dead letters and consumers of all queues
    List {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// One queue in detail
    Show {
        /// Key of a configured queue (neo4j), or any queue's name at the broker
        name: String,

        #[command(flatten)]
        output: OutputArgs,
    },
    /// Let all workers of a queue rest until it is resumed
    Pause {
        /// Key of a configured queue (neo4j), or its name at the broker
        name: String,

        /// Why, for whoever finds it paused
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,

        #[command(flatten)]
        output: OutputArgs,
    },
    /// Let the workers of a paused queue go on
    Resume {
        /// Key of a configured queue (neo4j), or its name at the broker
        name: String,

        #[command(flatten)]
        output: OutputArgs,
    },
    /// Delete all messages of a queue that wait for delivery
    Purge {
        /// Key of a configured queue (neo4j), or any queue's name at the broker
        name: String,

        /// Do not ask
        #[arg(long, short)]
        yes: bool,

        #[command(flatten)]
        output: OutputArgs,
    },
}

pub(crate) async fn run(args: QueueArgs, config: Config) -> Result<Exit, CommandError> {
    match args.command {
        QueueCommand::List { output } => list::run(&config, output).await,
        QueueCommand::Show { name, output } => show::run(&config, &name, output).await,
        QueueCommand::Pause {
            name,
            reason,
            output,
        } => pause::pause(&config, &name, reason, output).await,
        QueueCommand::Resume { name, output } => pause::resume(&config, &name, output).await,
        QueueCommand::Purge { name, yes, output } => purge::run(&config, &name, yes, output).await,
    }
}

/// The figures of the management API, where they can be had.
async fn statistics(config: &Config) -> Statistics {
    Statistics::ask(config).await.unwrap_or_else(|problem| {
        complain(&format!(
            "warning: no rates from the management API: {problem}"
        ));
        Statistics::default()
    })
}

/// The broker's name for a key or name of our topology; other queues are not our business.
fn resolve(config: &Config, name: &str) -> Result<String, CommandError> {
    if let Some(name) = queues::resolve(config, name) {
        return Ok(name);
    }
    let topology = Topology::from_config(config);
    let keys = config.queues.keys().map(String::as_str);
    let names = topology.queues.iter().map(|queue| queue.name.as_str());
    let known: Vec<_> = keys.chain(names).collect();
    Err(
        CommandError::new(Exit::Usage, format!("'{name}' is no queue of ours"))
            .hint(format!("known are {}", known.join(", "))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_queue_is_a_usage_error() {
        let foreign = resolve(&Config::default(), "amq.gen-1");
        assert_eq!(foreign.unwrap_err().report(), Exit::Usage);
    }
}
