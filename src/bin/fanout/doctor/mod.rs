//! `fanout doctor`

#[path = "../../registry/destinations.rs"]
mod destinations;
mod mending;
mod render;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::{Args, builder::TypedValueParser};
use fanout::config::{Loaded, environment};
use fanout::operate::doctor::{Area, Examination, Report};
use serde::Serialize;

use crate::exit::{CommandError, Exit};
use crate::output::{OutputArgs, print};

const HELP: &str = "\
Looks at the broker, the destinations, the configuration and the environment, and says of each
finding what it is, why it matters and how to mend it. docs/doctor.md describes every check. Most
of what there is to know of RabbitMQ only its management API tells: set RABBITMQ_MANAGEMENT_URL.

Examples:
  fanout doctor
  fanout doctor --only queues --only bindings
  fanout doctor --fix             mend what is safe to mend, after asking
  fanout doctor --json | jq '.findings[].check'

Exit codes:
  0 nothing worse than a notice · 1 warnings or errors · 2 usage · 3 configuration";

/// Find out what is wrong, why it matters and how to mend it
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct DoctorArgs {
    /// Mend what is safe to mend: declare what is missing, delete abandoned retry queues that are
    /// empty, prepare destinations. Never deletes a message
    #[arg(long)]
    fix: bool,

    /// With --fix: do not ask
    #[arg(long, short, requires = "fix")]
    yes: bool,

    /// Look at this area only; may be repeated
    #[arg(long, value_name = "AREA", value_parser = area())]
    only: Vec<Area>,

    /// Leave out notices, reasons and what could not be looked at
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    output: OutputArgs,
}

fn area() -> impl TypedValueParser<Value = Area> {
    let names = Area::ALL.map(Area::as_str);
    PossibleValuesParser::new(names).try_map(|name| {
        let area = Area::ALL.into_iter().find(|area| area.as_str() == name);
        area.ok_or("no such area")
    })
}

/// A report for programs, and what `--fix` did.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    report: &'a Report,
    mended: Vec<mending::Step>,
    counts: render::Counts,
}

pub(crate) async fn run(args: DoctorArgs, loaded: Loaded) -> Result<Exit, CommandError> {
    let areas: BTreeSet<_> = args.only.iter().copied().collect();
    let mut report = examine(&loaded, &areas).await?;
    let mut mended = Vec::new();
    if args.fix {
        mended = mending::run(&loaded, &report, &args).await?;
        if mended.iter().any(mending::Step::is_done) {
            report = examine(&loaded, &areas).await?;
        }
    }
    let exit = if report.is_healthy() {
        Exit::Done
    } else {
        Exit::Findings
    };
    if args.output.is_json() {
        let answer = Answer {
            counts: render::Counts::of(&report),
            report: &report,
            mended,
        };
        args.output.print(&answer, |_| String::new())?;
    } else {
        print(&render::text(&report, &mended, args.quiet))?;
    }
    Ok(exit)
}

async fn examine(loaded: &Loaded, areas: &BTreeSet<Area>) -> Result<Report, CommandError> {
    let env = environment(Path::new(".env"), std::env::vars_os())
        .map_err(|errors| CommandError::new(Exit::Configuration, errors))?;
    let kinds: BTreeMap<_, _> = destinations::kinds();
    let files = sources::with_secrets(loaded, &env);
    let examination = Examination {
        config: &loaded.config,
        env: &env,
        files: &files,
        kinds: &kinds,
        areas,
    };
    let diagnosed = async {
        if examination.includes(Area::Destinations) {
            destinations::diagnose(loaded).await
        } else {
            Default::default()
        }
    };
    let (mut report, (findings, gaps)) = tokio::join!(examination.run(), diagnosed);
    report.extend(findings, gaps);
    Ok(report)
}

#[cfg(all(test, feature = "neo4j", feature = "qdrant"))]
mod tests {
    use super::*;

    /// Ids that have a section of their own.
    fn documented() -> BTreeSet<String> {
        include_str!("../../../../docs/doctor.md")
            .lines()
            .filter_map(|line| line.strip_prefix("### "))
            .map(|title| title.trim_matches('`').to_owned())
            .collect()
    }

    #[test]
    fn every_check_is_documented_and_every_documented_check_exists() {
        let mut known = BTreeSet::new();
        for id in destinations::check_ids() {
            assert!(known.insert(id.to_owned()), "{id} is there twice");
        }
        assert!(known.len() > 50, "{known:?}");
        let documented = documented();
        let missing: Vec<_> = known.difference(&documented).collect();
        let extra: Vec<_> = documented.difference(&known).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "docs/doctor.md lacks {missing:?}, and has {extra:?} that no check is called"
        );
    }
}
