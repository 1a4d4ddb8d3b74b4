//! `USE_RABBITMQ=false`: the events go through a broker inside this program, and so do they
//! through the processors.

use std::collections::BTreeMap;
use std::time::Duration;

use fanout::config::Loaded;
use fanout::engine::Counts;
use fanout::worker::Direct;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::input::Input;
use super::report::Summary;
use super::{PublishArgs, feed, input_error};
use crate::exit::{CommandError, Exit, complain};
use crate::in_process::InProcess;
use crate::signals;

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
    let (within, stop) = (InProcess::open(loaded).await?, signals::stop());
    let broker = within.server.connect();
    let fed = feed(args, &loaded.config, &broker, input, &exchange, &stop).await;
    done(&within.direct, &stop).await;
    let (counts, waiting) = within.drain().await;
    let (tally, took, read_error) = fed?;
    let outcome = Outcome {
        published: Summary::new(exchange, tally, took),
        queues: counts?
            .into_iter()
            .map(|(key, counts)| (key, Done::of(counts)))
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
