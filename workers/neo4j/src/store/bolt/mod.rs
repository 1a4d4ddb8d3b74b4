//! [`GraphStore`] over Bolt, with neo4rs.
//!
//! Each writer has a connection of its own (a pool of one): a transaction that is dropped in
//! the middle of an exchange cannot be rolled back over it, so its connection is closed, and
//! the server rolls back and frees the locks. neo4rs alone would keep both until the
//! connection is taken from the pool again.

mod connection;
mod convert;
mod prepare;
mod questions;
mod transaction;

use fanout_contract::ConfigProblem;
use futures::future::BoxFuture;
use tokio::time::{Duration, timeout};

use self::connection::Connections;
use self::transaction::BoltTransaction;
use super::{GraphStore, GraphTransaction, StoreError};
use crate::config::Neo4jConfig;

/// A Neo4j server, version 4.4 or later.
#[derive(Debug)]
pub struct BoltStore {
    connections: Connections,
    connect_timeout: Duration,
}

impl BoltStore {
    /// Reads certificates; connects when it is first used. Must be called within a tokio
    /// runtime only where TLS files are large: it reads them at once.
    ///
    /// # Errors
    /// All [`ConfigProblem`]s at once.
    pub fn new(config: &Neo4jConfig) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self {
            connections: Connections::new(config)?,
            connect_timeout: config.connect_timeout,
        })
    }

    async fn start(&self) -> Result<BoltTransaction, StoreError> {
        let connection = self.connections.take().await?;
        timeout(self.connect_timeout, BoltTransaction::begin(connection))
            .await
            .unwrap_or(Err(StoreError::Unreachable("connect timeout")))
    }
}

impl GraphStore for BoltStore {
    fn prepare(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(prepare::prepare(self))
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn GraphTransaction>, StoreError>> {
        Box::pin(async {
            let transaction = self.start().await?;
            Ok(Box::new(transaction) as Box<dyn GraphTransaction>)
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.connections.close();
        Box::pin(async {})
    }
}
