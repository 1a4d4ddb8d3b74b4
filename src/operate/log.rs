//! Log lines: on standard error for people or programs, and in a daily file.
//!
//! Written by a thread behind a bounded buffer: a slow disk or a full pipe loses lines and
//! never stops a lane.

use std::fmt;
use std::io::{self, IsTerminal};
use std::path::Path;

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{ConfigErrors, LogConfig, LogFormat, Origins, Problem};

/// Lines buffered for each output; at some 200 bytes a line less than 1 MiB.
const BUFFERED_LINES: usize = 4096;
/// Daily files kept: as long as a message waits by default (14 days).
const KEPT_FILES: usize = 14;

/// Flushes the log when dropped: keep it until the end of the program.
pub struct LogGuard {
    _guards: Vec<WorkerGuard>,
}

impl fmt::Debug for LogGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogGuard")
    }
}

/// Starts logging for the whole process. The file is `NAME.YYYY-MM-DD.log`.
///
/// # Errors
/// The filter cannot be understood, the folder cannot be written to; or the process logs
/// already.
pub fn start(name: &str, config: &LogConfig, origins: &Origins) -> Result<LogGuard, ConfigErrors> {
    let filter = filter(&config.filter)
        .map_err(|error| problem(origins, "log.filter", &config.filter, &error))?;
    let (console, console_guard) = buffered(io::stderr());
    let coloured = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut layers = vec![layer(config.format, console, coloured)];
    let mut guards = vec![console_guard];
    if let Some(dir) = &config.dir {
        let appender = appender(name, dir)
            .map_err(|error| problem(origins, "log.dir", &dir.display().to_string(), &*error))?;
        let (file, guard) = buffered(appender);
        layers.push(layer(config.format, file, false));
        guards.push(guard);
    }
    tracing_subscriber::registry()
        .with(layers)
        .with(filter)
        .try_init()
        .map_err(|error| problem(origins, "log", name, &error))?;
    Ok(LogGuard { _guards: guards })
}

/// The AMQP library calls the end of every connection an error; what matters of it is in our
/// own lines.
fn filter(directives: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    if directives.contains("lapin") {
        EnvFilter::try_new(directives)
    } else {
        EnvFilter::try_new(format!("lapin=off,neo4rs=warn,{directives}"))
    }
}

fn buffered(writer: impl io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(BUFFERED_LINES)
        .lossy(true)
        .thread_name("log")
        .finish(writer)
}

fn appender(name: &str, dir: &Path) -> Result<RollingFileAppender, Box<dyn std::error::Error>> {
    // The appender complains on standard error about a folder that it makes itself.
    std::fs::create_dir_all(dir)?;
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(name)
        .filename_suffix("log")
        .max_log_files(KEPT_FILES)
        .build(dir)?;
    Ok(appender)
}

fn layer(
    format: LogFormat,
    writer: NonBlocking,
    coloured: bool,
) -> Box<dyn Layer<Registry> + Send + Sync> {
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(coloured);
    match format {
        LogFormat::Text => layer.with_target(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    }
}

fn problem(
    origins: &Origins,
    key: &str,
    value: &str,
    error: &dyn std::error::Error,
) -> ConfigErrors {
    let problem = Problem::new(key, origins.of(key), format!("cannot be used: {error}"));
    ConfigErrors::one(problem.value(format!("{value:?}")))
}
