//! A worker as a program: flags, `.env`, configuration, logging, signals, exit code.

mod args;
mod signals;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use self::args::Args;
use super::{Worker, WorkerError};
use crate::config::{Config, ConfigErrors, LoadOptions, Loaded, environment};
use crate::engine::Shutdown;
use crate::operate::{self, log};
use crate::telemetry;

/// Threads for what blocks, looking up host names above all. tokio's own bound of 512 would
/// cost memory for nothing.
const BLOCKING_THREADS: usize = 8;
/// Exit code of `--healthcheck` for a worker that is not ready; Docker reserves 2 and above.
const NOT_READY: u8 = 1;

impl Worker {
    /// Runs as a program: reads the command line, `.env`, file and environment, logs, obeys
    /// signals. Every worker program has the flags and exit codes of `run-worker`.
    pub fn main(mut self) -> ExitCode {
        let args = Args::parse_for(self.name, self.version);
        if args.until_empty {
            self.until_empty = Some(args.stuck_after);
        }
        let ended = if args.healthcheck {
            self.ask(&args)
        } else {
            self.launch(&args)
        };
        ended
            .unwrap_or_else(|error| {
                self.complain(&error);
                error.exit_code()
            })
            .into()
    }

    fn launch(&self, args: &Args) -> Result<u8, WorkerError> {
        let mut loaded = load(args)?;
        if args.shadow {
            loaded.config = loaded.config.shadow(&loaded.origins)?;
        }
        let _log = log::start(self.name, &loaded.config, &loaded.origins)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .build()?;
        let shutdown = Shutdown::new();
        signals::watch(shutdown.clone())?;
        let ended = runtime.block_on(self.start(&loaded, args.check, shutdown));
        // What still runs is of no use to anybody.
        runtime.shutdown_background();
        if let Err(error) = &ended {
            telemetry::log::worker_failed(error.exit_code(), error);
        }
        ended
    }

    async fn start(
        &self,
        loaded: &Loaded,
        check: bool,
        shutdown: Shutdown,
    ) -> Result<u8, WorkerError> {
        let Loaded {
            config, origins, ..
        } = loaded;
        let queue_key = loaded.queue.as_deref().unwrap_or_default();
        let job = self.job(config, origins, queue_key)?;
        if !check {
            return self.run_job(config, job, shutdown).await.map(|_| 0);
        }
        let findings = tokio::select! {
            findings = self.check(config, job) => findings,
            () = shutdown.draining() => return Err(WorkerError::Aborted),
        };
        for line in &findings.well {
            say(&mut io::stdout().lock(), &format!("ok: {line}"));
        }
        if findings.exit_code() != 0 {
            say(&mut io::stderr().lock(), &findings.to_string());
        }
        Ok(findings.exit_code())
    }

    /// Asks the worker of this configuration whether it is ready.
    fn ask(&self, args: &Args) -> Result<u8, WorkerError> {
        let addr = match load(args) {
            Ok(loaded) => loaded.config.http.addr,
            Err(errors) => {
                say(&mut io::stderr().lock(), &errors.to_string());
                return Ok(NOT_READY);
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let problem = match runtime.block_on(operate::ready(addr)) {
            Ok(None) => return Ok(0),
            Ok(Some(body)) => body,
            Err(error) => format!("nobody answers at {addr}: {error}"),
        };
        say(&mut io::stderr().lock(), &format!("not ready: {problem}"));
        Ok(NOT_READY)
    }

    /// Where the log does not: it has not started yet, or filters errors out.
    fn complain(&self, error: &WorkerError) {
        if !tracing::enabled!(tracing::Level::ERROR) {
            say(&mut io::stderr().lock(), &format!("{}: {error}", self.name));
        }
    }
}

/// Writes a line; where the stream is closed nobody can be told.
fn say(stream: &mut dyn Write, line: &str) {
    let _ = writeln!(stream, "{line}");
}

fn load(args: &Args) -> Result<Loaded, ConfigErrors> {
    let env = environment(Path::new(".env"), std::env::vars_os())?;
    Config::load(LoadOptions {
        file: Some(Path::new("fanout.toml")),
        env: &env,
        overrides: args.overrides(),
    })
}
