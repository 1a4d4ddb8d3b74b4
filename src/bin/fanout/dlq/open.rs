//! The broker behind the workbench: RabbitMQ, or the local store while nobody else has it.

use std::sync::Arc;

use fanout::broker::Broker;
use fanout::broker::local::{LocalServer, LocalStore, OpenError};
use fanout::config::{Config, UseRabbitmq};
use fanout::operate::dlq::Workbench;
use fanout::topology::Topology;

use super::failed;
use crate::connect;
use crate::exit::{CommandError, Exit};
use crate::who;

pub(super) struct Opened {
    pub(super) bench: Workbench,
    broker: Arc<dyn Broker>,
    server: Option<LocalServer>,
}

impl Opened {
    pub(super) async fn open(config: &Config, dlq: Option<&str>) -> Result<Self, CommandError> {
        let (broker, server): (Arc<dyn Broker>, _) = match config.broker.use_rabbitmq {
            UseRabbitmq::False => {
                let server = local(config).await?;
                (Arc::new(server.connect()), Some(server))
            }
            _ => (Arc::new(connect::operator(config).await?), None),
        };
        let mut bench = Workbench::new(broker.clone(), config, who::am_i());
        if let Some(dlq) = dlq {
            bench = bench.only(dlq).map_err(failed)?;
        }
        Ok(Self {
            bench,
            broker,
            server,
        })
    }

    pub(super) async fn close(self) {
        self.broker.close().await;
        if let Some(server) = self.server {
            server.shut_down().await;
        }
    }
}

async fn local(config: &Config) -> Result<LocalServer, CommandError> {
    let dir = &config.broker.local_dir;
    if !dir.exists() {
        let message = format!("there is no local store in '{}'", dir.display());
        return Err(CommandError::new(Exit::Findings, message)
            .hint("FANOUT_LOCAL_DIR names the folder; USE_RABBITMQ=true asks RabbitMQ"));
    }
    let topology = Topology::from_config(config);
    let opened = LocalServer::open(dir, topology, LocalStore::default()).await;
    opened.map_err(|error| {
        let hint = match &error {
            OpenError::InUse { .. } => {
                "the program that has it does the same over HTTP: GET /dlq, /dlq/groups, \
                 /dlq/ID, POST /dlq/replay"
            }
            _ => "FANOUT_LOCAL_DIR names the folder",
        };
        CommandError::new(Exit::Configuration, error).hint(hint)
    })
}
