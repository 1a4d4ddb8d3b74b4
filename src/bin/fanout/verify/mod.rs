//! `fanout verify`: what stands in the real stores against what stands in the shadow.

#[cfg(feature = "neo4j")]
mod graph;
#[cfg(feature = "qdrant")]
mod vectors;

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use fanout::config::{Config, Loaded};
use fanout_contract::{Failure, FailureClass};
use serde::Serialize;

use crate::exit::{CommandError, Exit};
use crate::output::OutputArgs;

/// For one question to a store: totals read everything there is.
const PATIENCE: Duration = Duration::from_secs(60);
/// Differences that are listed; beyond they are counted.
const LISTED: usize = 100;

const HELP: &str = "\
In parallel mode (USE_RABBITMQ=parallel) the gateway projects directly into the configured
stores, and workers started with --shadow project what comes through RabbitMQ into those of
[shadow]. Once nothing waits, both must hold the same: totals of each kind, the counts of every
pair of user and product, every point and its payload and vector. docs/migration.md has the
phases of a migration.

Without --full, totals and a sample are compared.

Examples:
  fanout queue list               wait until nothing is ready, then
  fanout verify
  fanout verify --full --json

Exit codes:
  0 the same · 1 differences · 3 configuration, such as no shadow · 4 cannot connect · 5 failed";

/// Compare the real stores with the shadow of parallel mode
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct VerifyArgs {
    /// Users of the graph, and points of each collection, that are compared
    #[arg(
        long,
        value_name = "N",
        default_value = "1000",
        conflicts_with = "full"
    )]
    sample: NonZeroU32,

    /// Compare everything
    #[arg(long)]
    full: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// How much is compared.
#[derive(Clone, Copy, Debug)]
enum Extent {
    Sample(u32),
    Full,
}

/// Something that is not the same.
#[derive(Debug, Serialize)]
struct Difference {
    what: String,
    real: serde_json::Value,
    shadow: serde_json::Value,
}

/// Differences, the first of them by name.
#[derive(Debug, Default, Serialize)]
struct Differences {
    count: u64,
    first: Vec<Difference>,
}

impl Differences {
    fn add(
        &mut self,
        what: impl Into<String>,
        real: impl Into<serde_json::Value>,
        shadow: impl Into<serde_json::Value>,
    ) {
        self.count += 1;
        if self.first.len() < LISTED {
            self.first.push(Difference {
                what: what.into(),
                real: real.into(),
                shadow: shadow.into(),
            });
        }
    }
}

type Totals = serde_json::Map<String, serde_json::Value>;

/// What one pair of stores came to.
#[derive(Debug, Serialize)]
struct Compared {
    store: &'static str,
    /// By kind or collection: what there is in the real one and in the shadow.
    totals: Totals,
    /// Users or points that were looked at.
    compared: u64,
    differences: Differences,
}

#[derive(Debug, Serialize)]
struct Answer {
    same: bool,
    full: bool,
    stores: Vec<Compared>,
}

/// The real store and its shadow, and what was found so far.
struct Pair<S> {
    real: S,
    shadow: S,
    found: Differences,
    compared: u64,
}

impl<S> Pair<S> {
    /// Opens both.
    fn of(
        real: &Config,
        shadow: &Config,
        open: impl Fn(&Config) -> Result<S, CommandError>,
    ) -> Result<Self, CommandError> {
        Ok(Self {
            real: open(real)?,
            shadow: open(shadow)?,
            found: Differences::default(),
            compared: 0,
        })
    }

    fn compared(self, store: &'static str, totals: Totals) -> Compared {
        Compared {
            store,
            totals,
            compared: self.compared,
            differences: self.found,
        }
    }
}

pub(crate) async fn run(args: VerifyArgs, loaded: Loaded) -> Result<Exit, CommandError> {
    let shadow = loaded.config.shadow(&loaded.origins);
    let shadow = shadow.map_err(|errors| CommandError::new(Exit::Configuration, errors))?;
    let extent = match args.full {
        true => Extent::Full,
        false => Extent::Sample(args.sample.get()),
    };
    let has = |config: &Config, name: &str| config.queues.values().any(|q| q.processor == name);
    let mut stores = Vec::new();
    #[cfg(feature = "neo4j")]
    if has(&loaded.config, "neo4j") {
        stores.push(graph::compare(&loaded, &shadow, extent).await?);
    }
    #[cfg(feature = "qdrant")]
    if has(&loaded.config, "qdrant") {
        stores.push(vectors::compare(&loaded, &shadow, extent).await?);
    }
    if stores.is_empty() {
        let message = "no queue has a store that this program can compare";
        return Err(CommandError::new(Exit::Configuration, message));
    }
    let answer = Answer {
        same: stores.iter().all(|store| store.differences.count == 0),
        full: args.full,
        stores,
    };
    args.output.print(&answer, render)?;
    Ok(match answer.same {
        true => Exit::Done,
        false => Exit::Findings,
    })
}

fn failed(store: &str, variable: &str, failure: &Failure) -> CommandError {
    let exit = match failure.class() {
        FailureClass::Unavailable => Exit::StartUp,
        FailureClass::Permanent | FailureClass::Transient => Exit::RunTime,
    };
    CommandError::new(exit, format!("cannot compare {store}: {failure}"))
        .hint(format!("{variable} and [shadow] say where to connect"))
}

fn render(answer: &Answer) -> String {
    let mut lines = Vec::new();
    for store in &answer.stores {
        let (name, compared) = (store.store, store.compared);
        lines.push(match store.differences.count {
            0 => format!("{name}: the same ({compared} compared)"),
            count => format!("{name}: {count} differences ({compared} compared)"),
        });
        for (what, totals) in &store.totals {
            lines.push(format!("  {what}: {totals}"));
        }
        let differences = store.differences.first.iter();
        lines.extend(differences.map(|one| {
            format!(
                "  different: {}: {} in the shadow {}",
                one.what, one.real, one.shadow
            )
        }));
    }
    lines.join("\n")
}
