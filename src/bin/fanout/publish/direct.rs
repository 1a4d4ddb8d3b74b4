//! `USE_RABBITMQ=false`: the events go through a broker inside this program, and so do they
//! through the processors; `parallel`: and to RabbitMQ.

use std::collections::BTreeMap;
use std::sync::Arc;

use fanout::broker::Broker;
use fanout::config::{Loaded, UseRabbitmq};
use fanout::engine::Counts;
use fanout::publish::Twice;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::input::Input;
use super::report::Summary;
use super::{Fed, PublishArgs, feed, input_error};
use crate::connect;
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
    let fed = feed_to(&within, args, input, &exchange, loaded, &stop).await;
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

/// Publishes to the broker inside, and in parallel mode to RabbitMQ as well.
async fn feed_to(
    within: &InProcess,
    args: &PublishArgs,
    input: Input,
    exchange: &str,
    loaded: &Loaded,
    stop: &CancellationToken,
) -> Result<Fed, CommandError> {
    let (config, inside) = (&loaded.config, within.server.connect());
    if config.broker.use_rabbitmq == UseRabbitmq::False {
        return feed(args, config, &inside, input, exchange, stop).await;
    }
    let rabbit = connect::publisher(config).await?;
    let both = Twice::new(rabbit, Arc::new(inside));
    let fed = feed(args, config, &both, input, exchange, stop).await;
    both.close().await;
    fed
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
