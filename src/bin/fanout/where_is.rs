//! `fanout where`: in which store an event is applied, or in which queue it waits.

use std::path::Path;

use clap::Args;
use fanout::broker::Broker;
use fanout::broker::local::{LocalServer, LocalStore, OpenError};
use fanout::config::{Config, Loaded, SpoolConfig, UseRabbitmq};
use fanout::operate::whereabouts::{Place, State, at_broker, in_stores};
use fanout::publish::{SpoolError, SpoolFolder};
use fanout::topology::Topology;
use fanout_contract::EventId;
use serde::Serialize;

use crate::connect;
use crate::exit::{CommandError, Exit};
use crate::output::{OutputArgs, figure, table, text};
use crate::stores;

const HELP: &str = "\
Asks the store of every configured queue by the event's id. Where one does not have it, retry
stages and dead letters are looked through, from their heads and without taking anything. The
queue itself is not looked into: to be looked at counts as a delivery there. Of it the number
of messages is said. The spool of this folder is looked into where no program has it open.

  applied      in the store, and when where the store keeps that (Neo4j does)
  retrying     in a retry stage: reason and attempt
  dead-letter  given up: reason
  waiting      not known to be applied, and the queue holds messages: it may be one of them
  not-found    not applied and in none of these: in flight, skipped, or never published here
  unknown      the store cannot tell, and it is in none of these

Examples:
  fanout where 019ab5a0-0b7c-7d4e-9a3c-0c5d1f2e3a4b
  fanout where order-7 --json
  curl 'localhost:8080/events/order-7?wait=5s'      the same of a running gateway, or a barrier

Exit codes:
  0 applied in the store of every queue · 1 not · 3 configuration · 4 cannot connect";

/// Where an event is: applied, being retried, a dead letter, or waiting
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct WhereArgs {
    /// Id of the event
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    id: String,

    /// Messages looked at in each retry stage and dead-letter queue at most
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,

    #[command(flatten)]
    output: OutputArgs,
}

/// The answer for programs.
#[derive(Debug, Serialize)]
struct Answer {
    id: String,
    /// Whether every store has it.
    applied: bool,
    queues: Vec<Place>,
    /// Whether it waits in the spool to be published; why that is not known; `null` where it was
    /// not looked for.
    spool: Option<String>,
    /// Why the broker was not looked at.
    problem: Option<String>,
}

pub(crate) async fn run(args: WhereArgs, loaded: Loaded) -> Result<Exit, CommandError> {
    let id = EventId::new(args.id.as_str());
    let stores = stores::of(&loaded);
    let mut places = in_stores(&loaded.config, &stores, &id).await;
    stores.close().await;
    let applied = |places: &[Place]| places.iter().all(|place| place.state == State::Applied);
    let looked = match applied(&places) {
        true => Ok(()),
        false => look(&loaded.config, &id, args.limit, &mut places).await,
    };
    let problem = looked.err();
    let spool = match applied(&places) {
        true => None,
        false => in_spool(&loaded.config.spool, &id).await,
    };
    let shown = problem.as_ref().map(|problem| problem.message().to_owned());
    let answer = Answer {
        id: args.id,
        applied: applied(&places),
        queues: places,
        spool,
        problem: shown,
    };
    args.output.print(&answer, render)?;
    match problem {
        Some(problem) => Err(problem),
        None if answer.applied => Ok(Exit::Done),
        None => Ok(Exit::Findings),
    }
}

/// `None` where there is no spool.
async fn in_spool(config: &SpoolConfig, id: &EventId) -> Option<String> {
    let (config, id) = (config.clone(), id.clone());
    let look = move || -> Result<Option<bool>, SpoolError> {
        let Some(mut folder) = SpoolFolder::open(&config)? else {
            return Ok(None);
        };
        let holds = folder.holds(&id);
        folder.close();
        holds.map(Some)
    };
    let looked = tokio::task::spawn_blocking(look).await.ok()?;
    match looked {
        Ok(None) => None,
        Ok(Some(true)) => Some("waiting".to_owned()),
        Ok(Some(false)) => Some("not-there".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

async fn look(
    config: &Config,
    id: &EventId,
    limit: u16,
    places: &mut [Place],
) -> Result<(), CommandError> {
    if config.broker.use_rabbitmq == UseRabbitmq::False {
        let dir = &config.broker.local_dir;
        // opening would make it
        if !dir.exists() {
            return Ok(());
        }
        let server = local(config, dir).await?;
        let broker = server.connect();
        let looked = at_broker(config, &broker, id, limit, places).await;
        broker.close().await;
        server.shut_down().await;
        return looked.map_err(connect::failed);
    }
    let broker = connect::operator(config).await?;
    let looked = at_broker(config, &broker, id, limit, places).await;
    broker.close().await;
    looked.map_err(connect::failed)
}

/// The broker of direct mode, where no gateway has it.
async fn local(config: &Config, dir: &Path) -> Result<LocalServer, CommandError> {
    let topology = Topology::from_config(config);
    let server = LocalServer::open(dir, topology, LocalStore::default()).await;
    server.map_err(|error| {
        let hint = match error {
            OpenError::InUse { .. } => "ask the gateway that has it: GET /events/ID?look=true",
            _ => "FANOUT_LOCAL_DIR names the folder",
        };
        CommandError::new(Exit::Configuration, error).hint(hint)
    })
}

fn render(answer: &Answer) -> String {
    let mut table = table(&[
        "QUEUE", "STATE", "SINCE", "WHERE", "REASON", "ATTEMPT", "READY",
    ]);
    for place in &answer.queues {
        let mut row = vec![
            place.queue.clone(),
            place.state.as_str().to_owned(),
            figure(place.at.as_ref()),
        ];
        let first = place.found.first();
        row.extend([
            first.map_or_else(|| "-".to_owned(), |found| found.queue.clone()),
            figure(first.and_then(|found| found.reason.clone())),
            figure(first.and_then(|found| found.attempt)),
            figure(place.ready),
        ]);
        table.add_row(row);
    }
    let mut lines = vec![text(&table)];
    match answer.spool.as_deref() {
        None | Some("not-there") => {}
        Some("waiting") => lines.push("it waits in the spool to be published".to_owned()),
        Some(problem) => lines.push(problem.to_owned()),
    }
    for place in &answer.queues {
        let errors = place.found.iter().filter_map(|found| found.error.as_ref());
        let problems = place.problems.iter();
        lines.extend(
            errors
                .chain(problems)
                .map(|line| format!("{}: {line}", place.queue)),
        );
    }
    lines.join("\n")
}
