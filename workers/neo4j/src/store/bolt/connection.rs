//! Connections: as many as writers, one for a batch that enters its ids meanwhile, and one
//! for probes.

use fanout_contract::ConfigProblem;
use neo4rs::{ConfigBuilder, Graph};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::StoreError;
use super::convert::store_error;
use crate::config::{Neo4jConfig, Tls, problem};

/// Opens connections and keeps the idle ones.
pub(super) struct Connections {
    config: neo4rs::Config,
    turns: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Graph>>>,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections")
            .field("turns", &self.turns)
            .finish_non_exhaustive()
    }
}

/// A connection that is taken. Dropped, it is closed; [`give_back`](Self::give_back) keeps
/// it for the next taker.
pub(super) struct Connection {
    /// A pool of one. This is its only handle, so that dropping it closes the socket.
    graph: Graph,
    idle: Arc<Mutex<Vec<Graph>>>,
    _turn: OwnedSemaphorePermit,
}

impl Connections {
    pub(super) fn new(config: &Neo4jConfig) -> Result<Self, Vec<ConfigProblem>> {
        let mut problems = config.problems();
        problems.extend(tls_problems(&config.tls));
        if !problems.is_empty() {
            return Err(problems);
        }
        let settings = settings(config).map_err(|_| vec![unusable()])?;
        // Parses the URI and reads the certificates once, so that a mistake shows at start.
        Graph::connect(settings.clone()).map_err(|_| vec![unusable()])?;
        Ok(Self {
            config: settings,
            turns: Arc::new(Semaphore::new(config.writers.get() + 2)),
            idle: Arc::default(),
        })
    }

    /// Waits for its turn; connects on first use.
    pub(super) async fn take(&self) -> Result<Connection, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| StoreError::Unreachable("closed"))?;
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let graph = match idle {
            Some(graph) => graph,
            None => Graph::connect(self.config.clone()).map_err(|error| store_error(&error))?,
        };
        Ok(Connection {
            graph,
            idle: Arc::clone(&self.idle),
            _turn: turn,
        })
    }

    /// Closes the idle connections; taken ones close when they are dropped.
    pub(super) fn close(&self) {
        self.turns.close();
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl Connection {
    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Keeps the connection for the next taker; it must be at rest.
    pub(super) fn give_back(self) {
        let Self { graph, idle, _turn } = self;
        idle.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(graph);
    }
}

fn settings(config: &Neo4jConfig) -> Result<neo4rs::Config, neo4rs::Error> {
    let mut builder = ConfigBuilder::default()
        .uri(&config.uri)
        .user(&config.user)
        .password(&config.password)
        .max_connections(1)
        // In neo4rs this is the deadline of each answer, too; connecting has our own.
        .connection_timeout(config.query_timeout)
        // In neo4rs this is how long a taker waits for the pool. Nobody else takes from it.
        .max_lifetime(config.connect_timeout);
    if let Some(database) = &config.database {
        builder = builder.db(database.as_str());
    }
    builder = match (&config.tls.ca, &config.tls.client) {
        (ca, Some((certificate, key))) => {
            builder.with_mutual_tls_validation(ca.as_ref(), certificate, key)
        }
        (Some(ca), None) => builder.with_client_certificate(ca),
        (None, None) => builder,
    };
    builder.build()
}

fn unusable() -> ConfigProblem {
    problem(
        "uri",
        "cannot be used to connect",
        "write bolt://HOST:7687 or bolt+s://HOST:7687, and check the certificates",
    )
}

/// neo4rs panics on a key file without a key and silently drops what is no certificate.
fn tls_problems(tls: &Tls) -> Vec<ConfigProblem> {
    let client = tls.client.iter().flat_map(|(certificate, key)| {
        [
            (certificate.as_path(), "CERTIFICATE-----"),
            (key.as_path(), "PRIVATE KEY-----"),
        ]
    });
    let files = tls
        .ca
        .iter()
        .map(|ca| (ca.as_path(), "CERTIFICATE-----"))
        .chain(client);
    files
        .filter_map(|(path, marker)| pem_problem(path, marker))
        .collect()
}

fn pem_problem(path: &Path, marker: &str) -> Option<ConfigProblem> {
    let what = match fs::read(path) {
        Err(error) => format!("cannot be read ({})", error.kind()),
        Ok(bytes) if !String::from_utf8_lossy(&bytes).contains(marker) => {
            format!("has no PEM block `{}`", marker.trim_end_matches('-'))
        }
        Ok(_) => return None,
    };
    Some(problem(
        "tls",
        format!("{} {what}", path.display()),
        "name PEM files that this process may read",
    ))
}
