//! A transaction and the connection it has for itself.

use futures::future::BoxFuture;
use neo4rs::Txn;
use std::time::Duration;
use tokio::time::timeout;

use super::super::{GraphTransaction, Parameters, Record, StoreError};
use super::connection::Connection;
use super::convert::{query, record, store_error};

/// For ending a transaction that failed. Closing the connection does the same, so patience
/// brings nothing.
const ROLLBACK: Duration = Duration::from_secs(1);

/// Dropped without an end, its connection is closed: the server then rolls back.
pub(super) struct BoltTransaction {
    // dropped before the connection it came from
    txn: Txn,
    connection: Connection,
}

impl BoltTransaction {
    pub(super) async fn begin(connection: Connection) -> Result<Self, StoreError> {
        let txn = connection
            .graph()
            .start_txn()
            .await
            .map_err(|error| store_error(&error))?;
        Ok(Self { txn, connection })
    }

    pub(super) async fn execute(
        &mut self,
        cypher: &str,
        parameters: Parameters,
    ) -> Result<Vec<Record>, StoreError> {
        let broke = |error| store_error(&error);
        let mut stream = self
            .txn
            .execute(query(cypher, parameters))
            .await
            .map_err(broke)?;
        let mut records = Vec::new();
        while let Some(row) = stream.next(self.txn.handle()).await.map_err(broke)? {
            records.push(record(&row)?);
        }
        Ok(records)
    }

    pub(super) async fn end(self) -> Result<(), StoreError> {
        let Self { txn, connection } = self;
        txn.commit().await.map_err(|error| store_error(&error))?;
        connection.give_back();
        Ok(())
    }

    pub(super) async fn undo(self) {
        let Self { txn, connection } = self;
        // After a failure the server takes no ROLLBACK, only the RESET with which neo4rs
        // begins the next use of the connection: so it is used at once.
        let reset = async {
            if txn.rollback().await.is_err() {
                connection.graph().start_txn().await?.rollback().await?;
            }
            Ok::<_, neo4rs::Error>(())
        };
        if matches!(timeout(ROLLBACK, reset).await, Ok(Ok(()))) {
            connection.give_back();
        }
    }
}

impl GraphTransaction for BoltTransaction {
    fn run<'a>(
        &'a mut self,
        cypher: &'a str,
        parameters: Parameters,
    ) -> BoxFuture<'a, Result<Vec<Record>, StoreError>> {
        Box::pin(self.execute(cypher, parameters))
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(self.end())
    }

    fn rollback(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(self.undo())
    }
}
