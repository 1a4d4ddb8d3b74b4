//! Flags that several of the commands take.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use fanout::operate::dlq::{Canary, Filter, ReplayPlan, point_in_time};
use jiff::Timestamp;

use crate::output::OutputArgs;

/// Which dead letters are meant; all conditions must hold.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Which dead letters")]
pub(super) struct FilterArgs {
    /// Event id; may be given several times, as all of these
    #[arg(long, value_name = "ID")]
    id: Vec<String>,

    /// Group, as fanout dlq group shows it
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,

    /// Kind of the event
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,

    /// Reason code
    #[arg(long, value_name = "CODE")]
    reason: Vec<String>,

    /// Queue it failed in: key or name
    #[arg(long, value_name = "QUEUE")]
    queue: Vec<String>,

    /// Subject key of the event
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,

    /// Dead-lettered then or later: 2h (ago), 2026-01-31, 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,

    /// Dead-lettered before
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,

    /// Text in the error or the body
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

impl From<FilterArgs> for Filter {
    fn from(args: FilterArgs) -> Self {
        Self {
            id: args.id,
            group: args.group,
            kind: args.kind,
            reason: args.reason,
            queue: args.queue,
            key: args.key,
            since: args.since,
            until: args.until,
            text: args.text,
        }
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    point_in_time(text, Timestamp::now())
}

/// How many, and whether in earnest.
#[derive(Clone, Debug, Args)]
pub(super) struct MoveArgs {
    /// All of them, where no condition is set
    #[arg(long)]
    all: bool,

    /// Change nothing, only count what would be done
    #[arg(long)]
    pub(super) dry_run: bool,

    /// So many at most
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// How fast, and how carefully.
#[derive(Clone, Debug, Args)]
pub(super) struct PaceArgs {
    /// So many a second at most
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,

    /// Growing steps; after each wait until it is settled, and stop when some come back
    #[arg(long, value_name = "STEPS", num_args = 0..=1, require_equals = true,
          default_missing_value = "1,10,100,1000", value_delimiter = ',')]
    canary: Vec<u64>,

    /// How long a step may take to be settled
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = humantime::parse_duration)]
    canary_wait: Duration,

    /// Also those whose events are known to be applied
    #[arg(long)]
    pub(super) force: bool,
}

impl PaceArgs {
    fn canary(&self) -> Option<Canary> {
        (!self.canary.is_empty()).then(|| Canary {
            steps: self.canary.clone(),
            wait: self.canary_wait,
            ..Canary::default()
        })
    }
}

/// The plan of a purge, or without pace of anything else.
pub(super) fn plan(filter: Filter, moving: &MoveArgs) -> ReplayPlan {
    ReplayPlan {
        filter,
        all: moving.all,
        limit: moving.limit,
        dry_run: moving.dry_run,
        ..ReplayPlan::default()
    }
}

/// The plan of a replay, or of a redirect to `to`.
pub(super) fn paced(plan: ReplayPlan, pace: &PaceArgs, to: Option<String>) -> ReplayPlan {
    ReplayPlan {
        rate: pace.rate,
        force: pace.force,
        canary: pace.canary(),
        to,
        ..plan
    }
}
