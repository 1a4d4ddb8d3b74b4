//! `fanout queue list`

use fanout::broker::Broker;
use fanout::config::Config;
use fanout::operate::queues::QueueStatus;

use super::statistics;
use crate::connect;
use crate::exit::{CommandError, Exit, complain};
use crate::output::{OutputArgs, figure, table, text};

pub(super) async fn run(config: &Config, output: OutputArgs) -> Result<Exit, CommandError> {
    let broker = connect::operator(config).await?;
    let statistics = statistics(config).await;
    let all = QueueStatus::ask_all(&broker, &statistics, config).await;
    broker.close().await;
    let all = all.map_err(connect::failed)?;
    output.print(&all, |all| render(all))?;
    if all.iter().any(|queue| queue.messages_ready.is_none()) {
        complain("hint: some queues do not exist yet; fanout topology apply declares them");
    }
    Ok(Exit::Done)
}

fn render(all: &[QueueStatus]) -> String {
    let mut table = table(&[
        "QUEUE",
        "NAME",
        "READY",
        "UNACKED",
        "CONSUMERS",
        "IN/S",
        "OUT/S",
        "RETRYING",
        "SUSPECTS",
        "DEAD LETTERS",
    ]);
    for queue in all {
        table.add_row([
            match queue.paused {
                Some(true) => format!("{} (paused)", queue.queue),
                _ => queue.queue.clone(),
            },
            queue.name.clone(),
            figure(queue.messages_ready),
            figure(queue.messages_unacknowledged),
            figure(queue.consumers),
            figure(queue.rates.and_then(|rates| rates.publish)),
            figure(queue.rates.and_then(|rates| rates.acknowledge)),
            figure(queue.retrying()),
            figure(queue.suspects),
            format!(
                "{} ({})",
                figure(queue.dead_letters),
                queue.dead_letter_queue
            ),
        ]);
    }
    text(&table)
}
