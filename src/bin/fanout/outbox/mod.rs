//! `fanout outbox`

mod init;
mod run;

use clap::{Args, Subcommand};
use fanout::config::Config;
use fanout::publish::outbox::OutboxError;

use crate::exit::{CommandError, Exit};

const HELP: &str = "\
A service writes events into a table in its own transaction; the relay publishes what was
committed, in order per aggregate, at least once. PostgreSQL 14 or later. docs/outbox.md says
how to write rows, what is promised, and what to watch.

Examples:
  fanout outbox init > migrations/0042_outbox.sql
  fanout outbox init --apply
  fanout outbox run";

/// Publish what services have committed into a table of PostgreSQL
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct OutboxArgs {
    #[command(subcommand)]
    command: OutboxCommand,
}

#[derive(Debug, Subcommand)]
enum OutboxCommand {
    Init(init::InitArgs),
    Run(run::RunArgs),
}

impl OutboxArgs {
    /// Whether it stays and logs as a service does.
    pub(crate) fn runs_on(&self) -> bool {
        matches!(self.command, OutboxCommand::Run(_))
    }
}

pub(crate) async fn run(args: OutboxArgs, config: Config) -> Result<Exit, CommandError> {
    match args.command {
        OutboxCommand::Init(args) => init::run(args, &config).await,
        OutboxCommand::Run(args) => run::run(args, &config).await,
    }
}

/// The error of a relay or a migration, with the next step.
fn failed(error: &OutboxError, started: bool) -> CommandError {
    let (exit, hint) = match error {
        OutboxError::Settings(_) => (
            Exit::Configuration,
            "FANOUT_OUTBOX_URL=postgres://user:password@host/database says where the outbox is",
        ),
        OutboxError::NotConnected(_) => (
            Exit::StartUp,
            "is PostgreSQL running there? FANOUT_OUTBOX_URL says where to connect",
        ),
        OutboxError::AccessRefused(_) => (
            Exit::StartUp,
            "check user, password, database and the user's privileges on the table",
        ),
        OutboxError::Table(_) => (Exit::StartUp, "fanout outbox init --apply puts it in place"),
        OutboxError::Statement(_) => (Exit::RunTime, "docs/errors/outbox-statement.md says more"),
        OutboxError::Broker(_) if started => (Exit::RunTime, "start it again once that is mended"),
        OutboxError::Broker(_) => (
            Exit::StartUp,
            "is RabbitMQ running there? RABBITMQ_URL says where to connect",
        ),
    };
    CommandError::new(exit, error).hint(hint)
}
