//! `fanout queue pause` and `resume`

use fanout::broker::{Broker, PublishError};
use fanout::config::{Config, QueueConfig};
use fanout::operate::queues::{self, Pause};
use serde::Serialize;

use crate::connect;
use crate::exit::{CommandError, Exit};
use crate::output::OutputArgs;
use crate::who;

#[derive(Debug, Serialize)]
struct Paused<'a> {
    name: &'a str,
    paused: bool,
    #[serde(flatten)]
    pause: Pause,
}

#[derive(Debug, Serialize)]
struct Resumed<'a> {
    name: &'a str,
    paused: bool,
    was_paused: bool,
}

pub(super) async fn pause(
    config: &Config,
    name: &str,
    reason: Option<String>,
    output: OutputArgs,
) -> Result<Exit, CommandError> {
    let name = &main(config, name)?.name;
    let broker = connect::operator(config).await?;
    let pause = Pause::now(who::am_i(), reason);
    let paused = queues::pause(&broker, name, &pause).await;
    broker.close().await;
    paused.map_err(|error| match error {
        PublishError::Unroutable { routing_key, .. } => no_queue(&routing_key),
        error => CommandError::new(Exit::RunTime, error),
    })?;
    let done = Paused {
        name,
        paused: true,
        pause,
    };
    output.print(&done, |done| {
        format!(
            "{} is paused: its workers rest within two seconds, until fanout queue resume",
            done.name
        )
    })?;
    Ok(Exit::Done)
}

pub(super) async fn resume(
    config: &Config,
    name: &str,
    output: OutputArgs,
) -> Result<Exit, CommandError> {
    let name = &main(config, name)?.name;
    let broker = connect::operator(config).await?;
    let was_paused = queues::resume(&broker, name).await;
    broker.close().await;
    let was_paused = was_paused
        .map_err(connect::failed)?
        .ok_or_else(|| no_queue(&format!("{name}.pause")))?;
    let done = Resumed {
        name,
        paused: false,
        was_paused,
    };
    output.print(&done, |done| match done.was_paused {
        true => format!("{} goes on within two seconds", done.name),
        false => format!("{} was not paused", done.name),
    })?;
    Ok(Exit::Done)
}

/// Only queues with workers can rest.
fn main<'a>(config: &'a Config, name: &str) -> Result<&'a QueueConfig, CommandError> {
    let mut all = config.queues.iter();
    let found = all.find(|(key, queue)| *key == name || queue.name == name);
    found.map(|(_, queue)| queue).ok_or_else(|| {
        let known: Vec<_> = config.queues.keys().map(String::as_str).collect();
        CommandError::new(Exit::Usage, format!("no workers consume '{name}'"))
            .hint(format!("queues with workers are {}", known.join(", ")))
    })
}

fn no_queue(name: &str) -> CommandError {
    CommandError::new(Exit::Findings, format!("queue '{name}' does not exist"))
        .hint("fanout topology apply declares it")
}
