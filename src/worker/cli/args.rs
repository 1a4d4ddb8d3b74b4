//! The flags of a worker program.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, ValueEnum};

use crate::config::{LogFormat, Overrides};

const AFTER: &str = "\
Exit codes:
  0 done · 1 not ready (--healthcheck) · 2 usage · 3 configuration · 4 start-up ·
  5 failed while running · 6 drain deadline passed · 130 second signal

The first SIGTERM or SIGINT drains, the second ends the process at once.
`fanout config print --defaults` documents every setting and its variable.";

/// Take the events of a queue through its processor
#[derive(Debug, Parser)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// Queue to consume: key of a configured queue, or its name at the broker
    #[arg(long, value_name = "QUEUE", required_unless_present = "healthcheck")]
    queue: Option<String>,

    /// Lanes, each with its own channel and prefetch [default: 1]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,

    /// Unacknowledged deliveries of a lane [default: 2 × batch × batches in flight]
    #[arg(long, value_name = "N")]
    prefetch: Option<u16>,

    /// Configuration file [default: fanout.toml where it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Do all of a start but consuming, report every problem, exit
    #[arg(long, conflicts_with_all = ["until_empty", "healthcheck"])]
    pub(super) check: bool,

    /// Exit 0 once the queue with its retry and suspect queues is empty, 5 when it cannot be
    #[arg(long, conflicts_with = "healthcheck")]
    pub(super) until_empty: bool,

    /// With --until-empty: how long broker or destination may be away before it is given up
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration, requires = "until_empty")]
    pub(super) stuck_after: Duration,

    /// Project into the stores of [shadow], for parallel mode
    #[arg(long, conflicts_with = "healthcheck")]
    pub(super) shadow: bool,

    /// Ask the worker at the HTTP address whether it is ready, exit 0 or 1
    #[arg(long)]
    pub(super) healthcheck: bool,

    /// Address for health and metrics [default: 127.0.0.1:8081, or a free port]
    #[arg(long, value_name = "ADDRESS")]
    http_addr: Option<SocketAddr>,

    /// Form of log lines [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<Format>,

    /// Folder for a daily log file beside standard error
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,

    /// Log more: -v debugging, -vv everything of ours; wins over FANOUT_LOG
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Args {
    /// Reads the command line; help, version and usage errors end the process as clap does.
    pub(super) fn parse_for(name: &'static str, version: &'static str) -> Self {
        let command = Self::command().name(name).bin_name(name).version(version);
        Self::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }

    /// The flags as settings.
    pub(super) fn overrides(&self) -> Overrides {
        let filter = match self.verbose {
            // The report says it all, in one place.
            0 if self.check => Some("off"),
            0 => None,
            1 => Some("info,fanout=debug,fanout_neo4j=debug"),
            _ => Some("info,fanout=trace,fanout_neo4j=trace"),
        };
        Overrides {
            queue: self.queue.clone(),
            workers: self.workers,
            prefetch: self.prefetch,
            config: self.config.clone(),
            log_format: self.log_format.map(|format| match format {
                Format::Text => LogFormat::Text,
                Format::Json => LogFormat::Json,
            }),
            log_dir: self.log_dir.clone(),
            log_filter: filter.map(str::to_owned),
            http_addr: self.http_addr,
        }
    }
}
