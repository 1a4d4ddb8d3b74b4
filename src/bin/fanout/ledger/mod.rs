//! `fanout ledger`: the ids of applied events, and how long they are remembered.

mod prune;
mod stats;

use std::time::Duration;

use clap::{Args, Subcommand};
use fanout::config::Loaded;
use fanout_contract::Failure;
use jiff::{SignedDuration, Timestamp};

use crate::ask;
use crate::exit::{CommandError, Exit};

/// For one question or one transaction: counting reads an index once.
const PATIENCE: Duration = Duration::from_secs(60);

const HELP: &str = "\
The processor of Neo4j enters the id of every event that it applies into a ledger, in the same
transaction: an event that comes again, delivered or published twice, retried or replayed, is
recognised by it. The ledger grows by an entry for each event, and no worker prunes it. An event
that comes again after its entry is gone is applied a second time. Qdrant has no ledger, and
needs none.

Examples:
  fanout ledger stats
  fanout ledger prune --dry-run
  fanout ledger prune                     older than neo4j.ledger_retention, 90 days
  fanout ledger prune --older-than 30d --limit 1000000 --yes

Exit codes:
  0 done · 1 stopped, or not confirmed · 2 usage · 3 configuration · 4 cannot connect · 5 failed";

/// Look at the ledger of applied events, or remove what is old
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct LedgerArgs {
    #[command(subcommand)]
    command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    Prune(prune::PruneArgs),
    Stats(stats::StatsArgs),
}

pub(crate) async fn run(args: LedgerArgs, loaded: Loaded) -> Result<Exit, CommandError> {
    match args.command {
        LedgerCommand::Prune(args) => prune::run(args, loaded).await,
        LedgerCommand::Stats(args) => stats::run(args, loaded).await,
    }
}

/// An age on the command line, as the configuration writes durations.
fn age(text: &str) -> Result<Duration, String> {
    // to humantime M is a month, which nobody means here
    let read = humantime::parse_duration(text).ok();
    let read = read.filter(|_| !text.contains('M'));
    read.ok_or_else(|| "write a number with its unit, such as 30d or 12h".to_owned())
}

/// So long ago, in whole seconds; the beginning of time where there was no such instant.
fn ago(age: Duration) -> Timestamp {
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    now.checked_sub(age).unwrap_or(Timestamp::MIN)
}

fn failed(failure: &Failure) -> CommandError {
    ask::failed("Neo4j", "NEO4J_URI", failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_with_its_unit() {
        assert_eq!(age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        for wrong in ["30", "3M", "soon", "-1d"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_age_beyond_all_times_is_the_first_of_them() {
        assert_eq!(ago(Duration::MAX), Timestamp::MIN);
        let hour = Timestamp::now().as_second() - ago(Duration::from_secs(3600)).as_second();
        assert!((3600..3660).contains(&hour), "{hour}");
    }
}
