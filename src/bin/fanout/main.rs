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
mod dispatch;
mod dlq;
mod doctor;
mod exit;
mod in_process;
#[cfg(feature = "neo4j")]
mod ledger;
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
mod spool;
mod status;
mod stores;
mod topology;
#[cfg(any(feature = "neo4j", feature = "qdrant"))]
mod verify;
mod where_is;
mod who;

use clap::Parser;

/// The embedded stores spend a fifth of their time in the allocator of glibc.
#[cfg(feature = "embedded")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
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
    runtime::block_on(dispatch::run(cli.command, loaded))
}
