//! `USE_RABBITMQ=false`: the events go through a broker inside this program, and so do they
//! through the processors.

use std::collections::BTreeMap;
use std::time::Duration;

use fanout::broker::local::{LocalServer, LocalStore, OpenError};
use fanout::config::Loaded;
use fanout::engine::{Counts, Shutdown};
use fanout::topology::Topology;
use fanout::worker::{Direct, Worker, WorkerError};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::input::Input;
use super::report::Summary;
use super::{PublishArgs, feed, input_error};
use crate::exit::{CommandError, Exit, complain};
use crate::{registry, signals};

/// Between two looks at what waits.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What was published, and what became of it.
#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    published: Summary,
    /// By the key of the queue.
    queues: BTreeMap<String, Done>,
    /// Messages that were not done when it ended; they are kept.
    waiting: usize,
}

/// What one queue did.
#[derive(Serialize)]
struct Done {
    applied: u64,
    skipped: u64,
    retried: u64,
    dead_lettered: u64,
}

pub(super) async fn run(
    args: &PublishArgs,
    input: Input,
    exchange: String,
    loaded: &Loaded,
) -> Result<Exit, CommandError> {
    let config = &loaded.config;
    let topology = Topology::from_config(config);
    let server = LocalServer::open(&config.broker.local_dir, topology, LocalStore::default());
    let server = server.await.map_err(cannot_open)?;
    let (shutdown, stop) = (Shutdown::new(), signals::stop());
    let worker = registry::processors(Worker::new("fanout"));
    let direct = worker.direct(config, &loaded.origins, &server, &shutdown);
    let direct = direct.map_err(|errors| CommandError::new(Exit::Configuration, errors))?;
    let fed = feed(args, config, &server.connect(), input, &exchange, &stop).await;
    done(&direct, &stop).await;
    shutdown.drain();
    let counts = direct.ended().await;
    let waiting = waiting(&server, loaded);
    server.shut_down().await;
    let (tally, took, read_error) = fed?;
    let outcome = Outcome {
        published: Summary::new(exchange, tally, took),
        queues: counts
            .map_err(failed)?
            .into_iter()
            .map(|(k, c)| (k, Done::of(c)))
            .collect(),
        waiting,
    };
    args.output.print(&outcome, Outcome::text)?;
    outcome.published.hints();
    match read_error {
        Some(error) => Err(input_error(&error)),
        None => Ok(outcome.exit()),
    }
}

/// Waits until nothing waits any more, or there is no hope of it.
async fn done(direct: &Direct, stop: &CancellationToken) {
    while direct.waiting() > 0 && !direct.has_ended() && !stop.is_cancelled() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What is left when all has drained.
fn waiting(server: &LocalServer, loaded: &Loaded) -> usize {
    let dead: Vec<_> = loaded
        .config
        .queues
        .values()
        .map(|q| &q.dead_letter)
        .collect();
    let open = server
        .queues()
        .into_iter()
        .filter(|name| !dead.contains(&name));
    open.filter_map(|name| server.count(&name)).sum()
}

fn cannot_open(error: OpenError) -> CommandError {
    let hint = match error {
        OpenError::InUse { .. } => {
            "stop that program, or name another folder with FANOUT_LOCAL_DIR"
        }
        _ => "FANOUT_LOCAL_DIR names the folder",
    };
    CommandError::new(Exit::Configuration, error).hint(hint)
}

fn failed(error: WorkerError) -> CommandError {
    let exit = match error.exit_code() {
        3 => Exit::Configuration,
        4 => Exit::StartUp,
        130 => Exit::Aborted,
        _ => Exit::RunTime,
    };
    CommandError::new(exit, error).hint("what was published is kept and goes on with the next run")
}

impl Done {
    fn of(counts: Counts) -> Self {
        Self {
            applied: counts.applied,
            skipped: counts.skipped,
            retried: counts.retried,
            dead_lettered: counts.dead_lettered,
        }
    }
}

impl Outcome {
    fn exit(&self) -> Exit {
        let dead: u64 = self.queues.values().map(|queue| queue.dead_lettered).sum();
        match self.published.exit() {
            Exit::Done if dead > 0 || self.waiting > 0 => Exit::Findings,
            exit => exit,
        }
    }

    fn text(&self) -> String {
        let mut text = self.published.text();
        for (key, done) in &self.queues {
            text.push_str(&format!(
                "\n{key}: {} applied, {} skipped, {} retried, {} dead-lettered",
                done.applied, done.skipped, done.retried, done.dead_lettered
            ));
        }
        if self.waiting > 0 {
            let waiting = self.waiting;
            text.push_str(&format!("\n{waiting} messages wait for the next run"));
            complain("hint: run it again with the same broker.local_dir to go on");
        }
        text
    }
}
