//! `fanout outbox init`

use clap::Args;
use fanout::config::Config;
use fanout::publish::outbox::{Table, apply};

use super::failed;
use crate::exit::{CommandError, Exit};
use crate::output::print;

const HELP: &str = "\
May be repeated: what is there already stays. Schema and table are the settings outbox.schema
and outbox.table (variables FANOUT_OUTBOX_SCHEMA, FANOUT_OUTBOX_TABLE).

Exit codes: 0 done · 3 configuration · 4 the database is away or refuses · 5 a statement failed";

/// Print or apply the SQL that makes the outbox table
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct InitArgs {
    /// Print the SQL, for your own migrations (the default)
    #[arg(long, conflicts_with = "apply")]
    print: bool,

    /// Run it in the database of FANOUT_OUTBOX_URL
    #[arg(long)]
    apply: bool,

    /// Without the trigger that wakes the relay: it looks every outbox.poll_every
    #[arg(long)]
    no_notify: bool,
}

pub(super) async fn run(args: InitArgs, config: &Config) -> Result<Exit, CommandError> {
    let notify = !args.no_notify;
    if args.apply && !args.print {
        let applied = apply(&config.outbox, notify).await;
        applied.map_err(|error| failed(&error, false))?;
        let (schema, table) = (&config.outbox.schema, &config.outbox.table);
        print(&format!("the outbox {schema}.{table} is in place"))?;
    } else {
        print(&Table::of(&config.outbox).migration(notify))?;
    }
    Ok(Exit::Done)
}
