//! `fanout`: everything an operator or developer types beside the worker itself.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(any(feature = "neo4j", feature = "qdrant"))]
mod ask;
mod cli;
mod completions;
mod config;
mod connect;
#[cfg(feature = "embedded")]
mod demo;
mod dlq;
mod doctor;
mod exit;
mod in_process;
mod log;
#[cfg(feature = "outbox")]
mod outbox;
mod output;
mod publish;
mod queue;
#[path = "../registry/mod.rs"]
mod registry;
mod runtime;
mod serve;
mod settings;
mod signals;
mod stores;
mod topology;
mod where_is;

use clap::Parser;
use cli::{Cli, Command};
use exit::{CommandError, Exit};
use std::process::ExitCode;

fn main() -> ExitCode {
    let ended = run(Cli::parse());
    ended.unwrap_or_else(|error| error.report()).into()
}

fn run(cli: Cli) -> Result<Exit, CommandError> {
    match &cli.command {
        Command::Completions(args) => return completions::run(args),
        #[cfg(feature = "embedded")]
        Command::Demo(args) => return demo::start(args.clone(), cli.verbose),
        Command::Config(args) if !config::needs_configuration(args) => {
            return config::print_defaults();
        }
        _ => {}
    }
    let loaded = settings::load(cli.overrides())?;
    let _log = log::for_command(&cli.command, cli.verbose, &loaded)?;
    runtime::block_on(dispatch(cli.command, loaded))
}

async fn dispatch(command: Command, loaded: fanout::config::Loaded) -> Result<Exit, CommandError> {
    match command {
        Command::Serve(_) => serve::run(loaded).await,
        Command::Publish(args) => publish::run(args, loaded).await,
        Command::Where(args) => where_is::run(args, loaded).await,
        Command::Topology(args) => topology::run(args, loaded.config).await,
        Command::Queue(args) => queue::run(args, loaded.config).await,
        Command::Dlq(args) => dlq::run(*args, loaded.config).await,
        #[cfg(feature = "outbox")]
        Command::Outbox(args) => outbox::run(args, loaded.config).await,
        Command::Doctor(args) => doctor::run(args, loaded).await,
        Command::Config(args) => config::run(&args, &loaded),
        #[cfg(feature = "qdrant")]
        Command::Recommend(args) => ask::vectors::recommend(args, loaded).await,
        #[cfg(feature = "qdrant")]
        Command::Similar(args) => ask::vectors::similar(args, loaded).await,
        #[cfg(feature = "neo4j")]
        Command::Graph(args) => ask::graph::run(args, loaded).await,
        Command::Completions(args) => completions::run(&args),
        #[cfg(feature = "embedded")]
        Command::Demo(args) => demo::run(args).await,
    }
}
