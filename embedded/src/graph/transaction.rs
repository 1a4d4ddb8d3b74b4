//! A transaction, on threads that may block.

use std::sync::Arc;

use fanout_neo4j::store::{GraphTransaction, Parameters, Record, StoreError};
use futures::future::BoxFuture;
use redb::WriteTransaction;
use tokio::sync::OwnedSemaphorePermit;

use super::error::Trouble;
use super::statement::Known;
use super::store::Shared;

/// Dropped without an end, it is rolled back; the turn is free once what runs has ended.
pub(super) struct Transaction {
    shared: Arc<Shared>,
    /// Nothing after a failure, as on a server: what is half done must not be committed.
    work: Option<Work>,
}

struct Work {
    // dropped before the turn is given up
    txn: WriteTransaction,
    _turn: OwnedSemaphorePermit,
}

impl Transaction {
    pub(super) async fn begin(shared: Arc<Shared>) -> Result<Self, StoreError> {
        shared.check()?;
        let turn = Arc::clone(&shared.writer).acquire_owned().await;
        let turn = turn.map_err(|_| StoreError::Unreachable("the graph is closed"))?;
        let of = Arc::clone(&shared);
        let work = blocking(move || {
            let txn = of.database.begin_write()?;
            Ok(Work { txn, _turn: turn })
        });
        Ok(Self {
            work: Some(work.await?),
            shared,
        })
    }

    fn take(&mut self) -> Result<Work, StoreError> {
        self.shared.check()?;
        self.work.take().ok_or_else(|| {
            StoreError::Server("Neo.ClientError.Transaction.TransactionMarkedAsFailed".to_owned())
        })
    }

    async fn execute(
        &mut self,
        text: &str,
        parameters: Parameters,
    ) -> Result<Vec<Record>, StoreError> {
        let work = self.take()?;
        let statement = Known::of(text)?;
        let done = blocking(move || {
            let records = statement.run(&work.txn, parameters)?;
            Ok((work, records))
        });
        let (work, records) = done.await?;
        self.work = Some(work);
        Ok(records)
    }
}

impl GraphTransaction for Transaction {
    fn run<'a>(
        &'a mut self,
        cypher: &'a str,
        parameters: Parameters,
    ) -> BoxFuture<'a, Result<Vec<Record>, StoreError>> {
        Box::pin(self.execute(cypher, parameters))
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            let Work { txn, _turn } = self.take()?;
            blocking(move || {
                let committed = txn.commit();
                drop(_turn);
                Ok(committed?)
            })
            .await
        })
    }

    fn rollback(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(work) = self.work.take() else {
                return;
            };
            // It ends without a commit either way.
            let _ = blocking(move || {
                drop(work);
                Ok(())
            })
            .await;
        })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(StoreError::from),
        Err(error) => {
            tracing::error!(%error, "the graph's store panicked");
            Err(StoreError::Unreachable("the graph's store panicked"))
        }
    }
}
