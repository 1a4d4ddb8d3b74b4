//! The command line: every flag, and the help that goes with it.

use clap::{ArgAction, Parser, Subcommand};
use fanout::config::Overrides;
use std::path::PathBuf;

use crate::{
    completions, config, dlq, doctor, publish, queue, serve, spool, status, topology, where_is,
};

const EXAMPLES: &str = "\
Examples:
  fanout demo                           all of it in one process, with no server
  fanout publish events.ndjson          publish a file, one JSON event a line
  fanout publish shop.csv.gz --rate 500 the same of a packed CSV, at most 500 a second
  fanout serve                          take events in over HTTP, on port 8080
  fanout topology apply                 declare exchanges, queues and bindings
  fanout queue list                     depths of all queues
  fanout where order-7                  in which store or queue an event is
  fanout dlq group                      dead letters by what is wrong with them
  fanout status                         what goes on, as it goes on
  fanout recommend 17                   products near to what user 17 likes
  fanout graph 17                       what user 17 did
  fanout ledger prune --dry-run         how many ids of applied events are old enough to go
  fanout outbox run                     publish what services commit to PostgreSQL
  fanout doctor                         what is wrong, and how to mend it
  fanout config print                   settings in force and where they come from

Exit codes:
  0 done · 1 findings or a negative answer · 2 usage · 3 configuration ·
  4 cannot connect · 5 failed while running · 6 drain deadline passed · 130 second signal";

/// Publish events and look after the queues of a fanout runtime
#[derive(Debug, Parser)]
#[command(name = "fanout", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Configuration file [default: fanout.toml where it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Log more: -v information, -vv debugging, -vvv everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// The flags as settings.
    pub(crate) fn overrides(&self) -> Overrides {
        let config = self.config.clone();
        match &self.command {
            Command::Serve(args) => args.overrides(config, self.verbose),
            _ => Overrides {
                config,
                ..Overrides::default()
            },
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[cfg(feature = "embedded")]
    Demo(crate::demo::DemoArgs),
    Publish(publish::PublishArgs),
    Serve(serve::ServeArgs),
    Topology(topology::TopologyArgs),
    Queue(queue::QueueArgs),
    Where(where_is::WhereArgs),
    Dlq(Box<dlq::DlqArgs>),
    Spool(spool::SpoolArgs),
    #[cfg(any(feature = "neo4j", feature = "qdrant"))]
    Verify(crate::verify::VerifyArgs),
    Status(status::StatusArgs),
    #[cfg(feature = "qdrant")]
    Recommend(crate::ask::vectors::RecommendArgs),
    #[cfg(feature = "qdrant")]
    Similar(crate::ask::vectors::SimilarArgs),
    #[cfg(feature = "neo4j")]
    Graph(crate::ask::graph::GraphArgs),
    #[cfg(feature = "neo4j")]
    Ledger(crate::ledger::LedgerArgs),
    #[cfg(feature = "outbox")]
    Outbox(crate::outbox::OutboxArgs),
    Doctor(doctor::DoctorArgs),
    Config(config::ConfigArgs),
    Completions(completions::CompletionsArgs),
}
