//! Log lines: on standard error for people or programs, and in a daily file. Traces start
//! here too: both are what a process tells.
//!
//! Written by a thread behind a bounded buffer: a slow disk or a full pipe loses lines and
//! never stops a lane.

use std::fmt;
use std::io::{self, IsTerminal};
use std::path::Path;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::{Filter, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{
    Config, ConfigErrors, LogConfig, LogFormat, Origins, Problem, TracesConfig, mask_url,
};
use crate::telemetry::{self, spans};

/// Lines buffered for each output; at some 200 bytes a line less than 1 MiB.
const BUFFERED_LINES: usize = 4096;
/// Daily files kept: as long as a message waits by default (14 days).
const KEPT_FILES: usize = 14;

/// Flushes traces and log when dropped: keep it until the end of the program.
pub struct LogGuard {
    // First: their exporter has something to log.
    #[cfg(feature = "otlp")]
    _traces: Option<telemetry::Traces>,
    _guards: Vec<WorkerGuard>,
}

impl fmt::Debug for LogGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogGuard")
    }
}

/// Starts logging for the whole process, and traces where `config` wants them. The file is
/// `NAME.YYYY-MM-DD.log`.
///
/// # Errors
/// The filter cannot be understood, the folder cannot be written to; or the process logs
/// already.
pub fn start(name: &str, config: &Config, origins: &Origins) -> Result<LogGuard, ConfigErrors> {
    let (lines, guards) = lines(name, &config.log, origins)?;
    begin(name, lines, guards, &config.traces)
        .map_err(|error| problem(origins, "log", name, &error))
}

/// The same with log lines of the program's own, filtered by [`without_traces`].
///
/// # Errors
/// The process logs already.
pub fn install(
    name: &str,
    lines: BoxedLayer,
    traces: &TracesConfig,
) -> Result<LogGuard, TryInitError> {
    begin(name, lines, Vec::new(), traces)
}

fn begin(
    name: &str,
    lines: BoxedLayer,
    guards: Vec<WorkerGuard>,
    traces: &TracesConfig,
) -> Result<LogGuard, TryInitError> {
    #[cfg(feature = "otlp")]
    let (exporting, exported) = telemetry::Traces::start(name, traces).unzip();
    #[cfg(not(feature = "otlp"))]
    let (exported, _) = (None, name);
    let layers: Vec<_> = [lines].into_iter().chain(exported).collect();
    tracing_subscriber::registry().with(layers).try_init()?;
    tell_of_traces(traces, cfg!(feature = "otlp"));
    Ok(LogGuard {
        #[cfg(feature = "otlp")]
        _traces: exporting,
        _guards: guards,
    })
}

fn tell_of_traces(config: &TracesConfig, built: bool) {
    if let Some(endpoint) = config.wanted() {
        let endpoint = mask_url(endpoint.expose());
        match built {
            true => telemetry::log::traces_go_out(&endpoint),
            false => telemetry::log::traces_are_not_built(&endpoint),
        }
    }
}

/// Takes what a process tells.
pub type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn lines(
    name: &str,
    config: &LogConfig,
    origins: &Origins,
) -> Result<(BoxedLayer, Vec<WorkerGuard>), ConfigErrors> {
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
    Ok((layers.with_filter(without_traces(filter)).boxed(), guards))
}

/// The filter without spans of traces: each would stand before every line inside of it.
pub fn without_traces(filter: EnvFilter) -> impl Filter<Registry> {
    let lines = filter_fn(|metadata| !spans::is_of_a_trace(metadata));
    // With no hint of its own nobody's would count.
    filter.and(lines.with_max_level_hint(LevelFilter::TRACE))
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

fn layer(format: LogFormat, writer: NonBlocking, coloured: bool) -> BoxedLayer {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::telemetry::captured::Text;
    use crate::telemetry::lines::Lines;

    #[test]
    fn a_build_without_traces_says_that_the_endpoint_is_of_no_account() {
        let (lines, _guard) = Lines::capture();
        let config = TracesConfig {
            endpoint: Some(Secret::new("http://user:s3cret@collector:4318")),
            ..TracesConfig::default()
        };
        tell_of_traces(&TracesConfig::default(), false);
        tell_of_traces(&config, false);
        let told =
            lines.told("this program was built without traces, the endpoint is of no account");
        assert!(told.fields["endpoint"].contains("***"), "{told:?}");
        assert_eq!(lines.all().len(), 1);
    }

    #[test]
    fn spans_of_traces_stand_before_no_line_and_others_do() {
        let text = Text::default();
        let writer = text.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let filter = without_traces(EnvFilter::new("debug"));
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            let _plain = tracing::info_span!("plain").entered();
            let _call = tracing::info_span!("call", otel.kind = "client").entered();
            tracing::debug!("inside");
            tracing::trace!("too much");
        });
        let text = text.read();
        assert!(text.contains("plain") && text.contains("inside"), "{text}");
        assert!(
            !text.contains("call") && !text.contains("too much"),
            "{text}"
        );
    }
}
