//! `fanout topology`

use clap::{Args, Subcommand};
use fanout::broker::Broker;
use fanout::config::{Config, TopologyMode};
use fanout::topology::{Argument, Queue, Topology, definitions, picture};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::connect;
use crate::exit::{CommandError, Exit};
use crate::output::{OutputArgs, print};

const HELP: &str = "\
Examples:
  fanout topology print                  what the configuration needs at the broker
  fanout topology apply                  declare it; what exists already stays as it is
  fanout topology export > fanout.json   for rabbitmqctl import_definitions fanout.json";

/// Show, declare or export the exchanges, queues and bindings
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct TopologyArgs {
    #[command(subcommand)]
    command: TopologyCommand,
}

#[derive(Debug, Subcommand)]
enum TopologyCommand {
    /// Show what the configuration needs; asks no broker
    Print {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Declare all of it at the broker; harmless where it exists already
    Apply {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print it as a RabbitMQ definitions file (JSON); asks no broker
    Export,
}

pub(crate) async fn run(args: TopologyArgs, config: Config) -> Result<Exit, CommandError> {
    let topology = Topology::from_config(&config);
    match args.command {
        TopologyCommand::Print { output } => {
            output.print(&Shown::of(&topology), |_| picture(&topology))?;
        }
        TopologyCommand::Export => {
            let definitions = definitions(&topology, &config.broker.vhost());
            print(&format!("{definitions:#}"))?;
        }
        TopologyCommand::Apply { output } => {
            let broker = connect::with_topology(&config, TopologyMode::Declare).await?;
            broker.close().await;
            output.print(&Applied::of(&topology), Applied::text)?;
        }
    }
    Ok(Exit::Done)
}

/// The topology as `print` shows it.
#[derive(Debug, Serialize)]
struct Shown {
    exchanges: Vec<ShownExchange>,
    queues: Vec<ShownQueue>,
    bindings: Vec<ShownBinding>,
}

#[derive(Debug, Serialize)]
struct ShownExchange {
    name: String,
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct ShownQueue {
    name: String,
    role: &'static str,
    #[serde(rename = "type")]
    queue_type: &'static str,
    arguments: BTreeMap<&'static str, Value>,
}

#[derive(Debug, Serialize)]
struct ShownBinding {
    exchange: String,
    queue: String,
    key: String,
}

impl Shown {
    fn of(topology: &Topology) -> Self {
        let exchanges = topology.exchanges.iter().map(|exchange| ShownExchange {
            name: exchange.name.clone(),
            kind: exchange.kind.as_str(),
        });
        let bindings = topology.bindings.iter().map(|binding| ShownBinding {
            exchange: binding.exchange.clone(),
            queue: binding.queue.clone(),
            key: binding.key.clone(),
        });
        Self {
            exchanges: exchanges.collect(),
            queues: topology.queues.iter().map(ShownQueue::of).collect(),
            bindings: bindings.collect(),
        }
    }
}

impl ShownQueue {
    fn of(queue: &Queue) -> Self {
        let value = |argument: &Argument| match argument {
            Argument::Text(text) => Value::from(text.as_str()),
            Argument::Int(number) => Value::from(*number),
        };
        let arguments = queue.arguments.iter();
        Self {
            name: queue.name.clone(),
            role: queue.role.as_str(),
            queue_type: queue.queue_type.as_str(),
            arguments: arguments.map(|(name, arg)| (*name, value(arg))).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Applied {
    exchanges: usize,
    queues: usize,
    bindings: usize,
}

impl Applied {
    fn of(topology: &Topology) -> Self {
        Self {
            exchanges: topology.exchanges.len(),
            queues: topology.queues.len(),
            bindings: topology.bindings.len(),
        }
    }

    fn text(&self) -> String {
        let Self {
            exchanges,
            queues,
            bindings,
        } = self;
        format!("declared: exchanges {exchanges}, queues {queues}, bindings {bindings}")
    }
}
