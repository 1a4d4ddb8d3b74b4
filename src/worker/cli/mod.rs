//! A worker as a program: flags, `.env`, configuration, logging, signals, exit code.

mod args;
mod signals;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use self::args::Args;
use super::{Worker, WorkerError};
use crate::config::{Config, ConfigErrors, LoadOptions, Loaded, environment};
use crate::engine::Shutdown;
use crate::operate::log;

/// Threads for what blocks, looking up host names above all. tokio's own bound of 512 would
/// cost memory for nothing.
const BLOCKING_THREADS: usize = 8;

impl Worker {
    /// Runs as a program: reads the command line, `.env`, file and environment, logs, obeys
    /// signals. Every worker program has the flags and exit codes of `run-worker`.
    pub fn main(self) -> ExitCode {
        let args = Args::parse_for(self.name, self.version);
        let ended = self.launch(&args);
        if let Err(error) = &ended {
            self.complain(error);
        }
        ended.map_or_else(|error| error.exit_code().into(), |()| ExitCode::SUCCESS)
    }

    fn launch(&self, args: &Args) -> Result<(), WorkerError> {
        let loaded = load(args)?;
        let _log = log::start(self.name, &loaded.config.log, &loaded.origins)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .build()?;
        let shutdown = Shutdown::new();
        signals::watch(shutdown.clone())?;
        let ended = runtime.block_on(self.consume(&loaded, shutdown));
        // What still runs is of no use to anybody.
        runtime.shutdown_background();
        if let Err(error) = &ended {
            tracing::error!(exit_code = error.exit_code(), "{error}");
        }
        ended
    }

    async fn consume(&self, loaded: &Loaded, shutdown: Shutdown) -> Result<(), WorkerError> {
        let Loaded {
            config, origins, ..
        } = loaded;
        let queue_key = loaded.queue.as_deref().unwrap_or_default();
        let processor = self.build(config, origins, queue_key)?;
        self.run_with(config, queue_key, processor, shutdown)
            .await?;
        Ok(())
    }

    /// Where the log does not: it has not started yet, or filters errors out.
    fn complain(&self, error: &WorkerError) {
        if tracing::enabled!(tracing::Level::ERROR) {
            return;
        }
        let _ = writeln!(std::io::stderr().lock(), "{}: {error}", self.name);
    }
}

fn load(args: &Args) -> Result<Loaded, ConfigErrors> {
    let env = environment(Path::new(".env"), std::env::vars_os())?;
    Config::load(LoadOptions {
        file: Some(Path::new("fanout.toml")),
        env: &env,
        overrides: args.overrides(),
    })
}
