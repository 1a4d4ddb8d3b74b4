//! `fanout queue show`

use fanout::broker::Broker;
use fanout::config::Config;
use fanout::operate::queues::{self, Pause, QueueStatus, Rates, SideQueue};

use super::{resolve, statistics};
use crate::connect;
use crate::exit::{CommandError, Exit};
use crate::output::{OutputArgs, figure, table, text};

pub(super) async fn run(
    config: &Config,
    name: &str,
    output: OutputArgs,
) -> Result<Exit, CommandError> {
    let name = resolve(config, name)?;
    let broker = connect::operator(config).await?;
    let statistics = statistics(config).await;
    let exists = match config.queues.iter().find(|(_, queue)| queue.name == name) {
        Some((key, queue)) => {
            let status = QueueStatus::ask(&broker, &statistics, key, queue).await;
            let status = status.map_err(connect::failed)?;
            let pause = queues::pause_of(&broker, &queue.name).await;
            let pause = pause.map_err(connect::failed)?;
            output.print(&status, |status| render(status, pause.as_ref()))?;
            status.messages_ready.is_some()
        }
        None => {
            let side = SideQueue::ask(&broker, &statistics, config, &name).await;
            let side = side.map_err(connect::failed)?;
            output.print(&side, render_side)?;
            side.messages_ready.is_some()
        }
    };
    broker.close().await;
    if exists {
        return Ok(Exit::Done);
    }
    Err(
        CommandError::new(Exit::Findings, format!("queue '{name}' does not exist"))
            .hint("fanout topology apply declares it"),
    )
}

fn render(queue: &QueueStatus, pause: Option<&Pause>) -> String {
    let mut rows = vec![
        ("queue", queue.queue.clone()),
        ("name", queue.name.clone()),
        ("type", queue.queue_type.to_owned()),
    ];
    rows.extend(figures(
        queue.messages_ready,
        queue.messages_unacknowledged,
        queue.consumers,
        queue.rates,
    ));
    let retries = queue.retry.iter();
    let retries = retries.map(|(delay, ready)| format!("{delay}: {}", figure(*ready)));
    rows.push(("retrying", retries.collect::<Vec<_>>().join(", ")));
    let paused = match (queue.paused, pause) {
        (Some(true), Some(Pause { by, at, reason })) => {
            let reason = reason.as_deref().map(|why| format!(": {why}"));
            format!("by {by} at {at}{}", reason.unwrap_or_default())
        }
        (Some(true), None) => "yes".to_owned(),
        (Some(false), _) => "no".to_owned(),
        (None, _) => "-".to_owned(),
    };
    rows.push(("paused", paused));
    rows.push(("suspects", figure(queue.suspects)));
    let dead = format!(
        "{} ({})",
        figure(queue.dead_letters),
        queue.dead_letter_queue
    );
    rows.push(("dead letters", dead));
    lines(rows)
}

fn render_side(queue: &SideQueue) -> String {
    let mut rows = vec![
        ("name", queue.name.clone()),
        ("role", queue.role.to_owned()),
        ("type", queue.queue_type.to_owned()),
    ];
    rows.extend(figures(
        queue.messages_ready,
        queue.messages_unacknowledged,
        queue.consumers,
        queue.rates,
    ));
    lines(rows)
}

fn figures(
    ready: Option<u64>,
    unacknowledged: Option<u64>,
    consumers: Option<u32>,
    rates: Option<Rates>,
) -> [(&'static str, String); 5] {
    [
        ("ready", figure(ready)),
        ("unacknowledged", figure(unacknowledged)),
        ("consumers", figure(consumers)),
        ("in/s", figure(rates.and_then(|rates| rates.publish))),
        ("out/s", figure(rates.and_then(|rates| rates.acknowledge))),
    ]
}

fn lines(rows: Vec<(&'static str, String)>) -> String {
    let mut table = table(&[]);
    for (name, value) in rows {
        table.add_row([name.to_owned(), value]);
    }
    text(&table)
}
