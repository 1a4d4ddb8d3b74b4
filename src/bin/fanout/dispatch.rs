//! From a command to what it does.

use fanout::config::Loaded;

#[cfg(any(feature = "neo4j", feature = "qdrant"))]
use crate::ask;
use crate::cli::Command;
#[cfg(feature = "embedded")]
use crate::demo;
use crate::exit::{CommandError, Exit};
#[cfg(feature = "neo4j")]
use crate::ledger;
#[cfg(feature = "outbox")]
use crate::outbox;
#[cfg(any(feature = "neo4j", feature = "qdrant"))]
use crate::verify;
use crate::{
    completions, config, dlq, doctor, publish, queue, serve, spool, status, topology, where_is,
};

/// Everything that needs a configuration.
pub(crate) async fn run(command: Command, loaded: Loaded) -> Result<Exit, CommandError> {
    match command {
        Command::Serve(_) => serve::run(loaded).await,
        Command::Publish(args) => publish::run(args, loaded).await,
        #[cfg(any(feature = "neo4j", feature = "qdrant"))]
        Command::Verify(args) => verify::run(args, loaded).await,
        Command::Spool(args) => spool::run(args, &loaded.config),
        Command::Where(args) => where_is::run(args, loaded).await,
        Command::Topology(args) => topology::run(args, loaded.config).await,
        Command::Queue(args) => queue::run(args, loaded.config).await,
        Command::Dlq(args) => dlq::run(*args, loaded).await,
        Command::Status(args) => status::run(args, loaded).await,
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
        #[cfg(feature = "neo4j")]
        Command::Ledger(args) => ledger::run(args, loaded).await,
        Command::Completions(args) => completions::run(&args),
        #[cfg(feature = "embedded")]
        Command::Demo(args) => demo::run(args).await,
    }
}
