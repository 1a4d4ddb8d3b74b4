//! The flags of `fanout serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fanout::config::{LogFormat, Overrides};

const HELP: &str = "\
POST /events takes one event, an array of them, one a line (application/x-ndjson), or
CloudEvents, and answers 202 with the id of every event that is safe: confirmed by the broker,
or on disk. An event without an id gets one; with the header Idempotency-Key the same request
gives the same ids, so that repeating it counts once. With ?wait=applied the answer comes once
the stores have the events. docs/http.md has all calls,
/openapi.json describes them for programs.

USE_RABBITMQ=false projects in this process, parallel does both: docs/migration.md.

With FANOUT_API_TOKEN (or FANOUT_API_TOKEN_FILE) purging a queue needs the header
Authorization: Bearer TOKEN, with FANOUT_API_TOKEN_EVENTS=true posting events, too. Without a
token queues can be purged from the same host only.

Examples:
  fanout serve
  FANOUT_HTTP_ADDR=0.0.0.0:8080 fanout serve --log-format json
  curl -d '{\"user_id\":1,\"product_id\":100,\"event_type\":\"view\"}' localhost:8080/events
  curl -H 'Content-Type: application/x-ndjson' --data-binary @day.ndjson localhost:8080/events

The first SIGTERM or SIGINT drains: what was begun is answered. The second ends the process.

Exit codes:
  0 drained · 2 usage · 3 configuration · 4 start-up (address taken, broker refuses) ·
  5 broker lost for good · 6 drain deadline passed · 130 second signal";

/// Take events in over HTTP
#[derive(Clone, Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ServeArgs {
    /// Address to listen on [default: 127.0.0.1:8080, or a free port]
    #[arg(long, value_name = "ADDRESS")]
    http_addr: Option<SocketAddr>,

    /// Form of log lines [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<Format>,

    /// Folder for a daily log file beside standard error
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl ServeArgs {
    /// The flags as settings.
    pub(crate) fn overrides(&self, config: Option<PathBuf>, verbose: u8) -> Overrides {
        let filter = match verbose {
            0 => None,
            1 => Some("info,fanout=debug"),
            _ => Some("info,fanout=trace"),
        };
        Overrides {
            config,
            http_addr: self.http_addr,
            log_format: self.log_format.map(|format| match format {
                Format::Text => LogFormat::Text,
                Format::Json => LogFormat::Json,
            }),
            log_dir: self.log_dir.clone(),
            log_filter: filter.map(str::to_owned),
            ..Overrides::default()
        }
    }
}
