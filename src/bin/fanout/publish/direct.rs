//! `USE_RABBITMQ=false`: the events go through a broker inside this program, and so do they
//! through the processors.

use std::collections::BTreeMap;

use fanout::config::Loaded;
use fanout::engine::Counts;
use serde::Serialize;

use super::input::Input;
use super::report::Summary;
use super::{PublishArgs, feed, input_error};
use crate::exit::{CommandError, Exit, complain};
use crate::in_process::InProcess;
use crate::signals;

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
    tokio::select! {
        () = within.direct.done() => {}
        () = stop.cancelled() => {}
    }
    let (counts, waiting) = within.drain().await;
    let fed = fed?;
    let outcome = Outcome {
        published: Summary::new(exchange, fed.tally, fed.took, fed.went_on),
        queues: counts?
            .into_iter()
            .map(|(key, counts)| (key, Done::of(counts)))
            .collect(),
        waiting,
    };
    args.output.print(&outcome, Outcome::text)?;
    outcome.published.hints();
    match fed.read_error {
        Some(error) => Err(input_error(&error)),
        None => Ok(outcome.exit()),
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
