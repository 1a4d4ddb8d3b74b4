//! Log lines of the commands: on standard error, warnings only unless asked for more.

use fanout::config::{Config, Loaded};
use fanout::operate::{
    self,
    log::{BoxedLayer, LogGuard},
};
use fanout::publish::gateway::SERVICE;
use std::io;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::cli::Command;
use crate::exit::{CommandError, Exit};
use crate::output::coloured;

/// The AMQP library calls the end of every connection an error; what matters of it reaches the
/// user through our own messages. The vector engine warns of how it is embedded.
const WARNINGS: &str = "warn,lapin=off,qdrant_edge=error";

/// `-v` wins over `FANOUT_LOG`, which is meant for workers but obeyed where it is set.
pub(crate) fn start(verbose: u8, config: &Config) -> Result<(), CommandError> {
    start_with(WARNINGS, verbose, config)
}

/// The same with another filter where nothing was asked for.
pub(crate) fn start_with(default: &str, verbose: u8, config: &Config) -> Result<(), CommandError> {
    let lines = lines(default, verbose, config)?;
    tracing_subscriber::registry().with(lines).init();
    Ok(())
}

/// The same with traces of a program of this name, until the guard is dropped.
fn traced(name: &str, verbose: u8, config: &Config) -> Result<LogGuard, CommandError> {
    let lines = lines(WARNINGS, verbose, config)?;
    operate::log::install(name, lines, &config.traces)
        .map_err(|error| CommandError::new(Exit::StartUp, format!("log: {error}")))
}

fn lines(default: &str, verbose: u8, config: &Config) -> Result<BoxedLayer, CommandError> {
    let filter = match verbose {
        0 if std::env::var_os("FANOUT_LOG").is_some() => config.log.filter.as_str(),
        0 => default,
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| CommandError::new(Exit::Configuration, format!("log filter: {error}")))?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(coloured(&io::stderr()))
        .with_target(false);
    Ok(lines
        .with_filter(operate::log::without_traces(filter))
        .boxed())
}

/// Log lines of this command; those of one that runs on are as the configuration says, like a
/// worker's, until the guard is dropped.
pub(crate) fn for_command(
    command: &Command,
    verbose: u8,
    loaded: &Loaded,
) -> Result<Option<LogGuard>, CommandError> {
    match command {
        Command::Serve(_) => service(SERVICE, loaded).map(Some),
        #[cfg(feature = "outbox")]
        Command::Outbox(args) if args.runs_on() => service("fanout-outbox", loaded).map(Some),
        Command::Publish(_) => traced("fanout-publish", verbose, &loaded.config).map(Some),
        _ => start(verbose, &loaded.config).map(|()| None),
    }
}

fn service(name: &str, loaded: &Loaded) -> Result<LogGuard, CommandError> {
    let log = operate::log::start(name, &loaded.config, &loaded.origins);
    log.map_err(|errors| CommandError::new(Exit::Configuration, errors))
}
