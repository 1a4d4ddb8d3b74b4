//! `fanout queue purge`

use fanout::broker::Broker;
use fanout::config::Config;
use serde::Serialize;
use std::io::{self, BufRead, IsTerminal, Write};

use super::resolve;
use crate::connect;
use crate::exit::{CommandError, Exit};
use crate::output::{OutputArgs, figure};

#[derive(Debug, Serialize)]
struct Purged {
    name: String,
    purged: u64,
}

pub(super) async fn run(
    config: &Config,
    name: &str,
    yes: bool,
    output: OutputArgs,
) -> Result<Exit, CommandError> {
    let name = resolve(config, name)?;
    if !yes && !io::stdin().is_terminal() {
        return Err(CommandError::new(
            Exit::Usage,
            format!("purging '{name}' deletes its messages for ever"),
        )
        .hint("say --yes where nobody can be asked"));
    }
    let broker = connect::operator(config).await?;
    let depth = broker.depth(&name).await.map_err(connect::failed)?;
    if !yes && !confirmed(&name, depth.map(|depth| depth.ready))? {
        broker.close().await;
        return Err(CommandError::new(Exit::Findings, "nothing was purged"));
    }
    let purged = broker.purge(&name).await;
    broker.close().await;
    let Some(purged) = purged.map_err(connect::failed)? else {
        return Err(
            CommandError::new(Exit::Findings, format!("queue '{name}' does not exist"))
                .hint("fanout topology apply declares it"),
        );
    };
    output.print(&Purged { name, purged }, |done| {
        format!("purged {} messages from {}", done.purged, done.name)
    })?;
    Ok(Exit::Done)
}

fn confirmed(name: &str, ready: Option<u64>) -> Result<bool, CommandError> {
    let mut stderr = io::stderr().lock();
    let ready = figure(ready);
    write!(stderr, "Delete {ready} messages of {name} for ever? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
