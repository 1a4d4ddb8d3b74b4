//! One transaction per batch: ledger, rows of the new events, commit.

use fanout_contract::{
    Applied, Batch, ConfigProblem, EventId, Failure, Outcomes, Processor, Trace,
};
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};
use tracing::Instrument;

use crate::classify::{Verdict, in_prepare, in_process};
use crate::config::Neo4jConfig;
use crate::fold::{Row, fold, packed_row, requests};
use crate::ledger;
use crate::mapping::{Interactions, Mapping};
use crate::plan::{Plan, in_ledger};
use crate::statement::Statement;
use crate::store::{BoltStore, GraphStore, GraphTransaction, StoreError, one};
use crate::value::Value;

/// Tries of one transaction against other writers. Measured with three writers on the same
/// keys: a deadlock takes at most every second transaction, so that five in a row are rare.
pub(crate) const TRIES: u32 = 5;
/// Part of the query timeout that a planned batch waits for its turn to write. The timeout is
/// five sixths of the runtime's deadline at most, so that waiting and writing fit into it.
const PATIENCE: u32 = 5;
/// Wait before another try, milliseconds: long enough for the winner of a deadlock to commit.
pub(crate) const WAIT_MS: std::ops::RangeInclusive<u64> = 2..=10;

/// Projects events into Neo4j.
///
/// *Guarantee*: the effect of an event id is there exactly once, however often, in whatever
/// order, and by however many processes it is applied.
pub struct Neo4jProcessor {
    store: Arc<dyn GraphStore>,
    mapping: Box<dyn Mapping>,
    settings: Settings,
    /// Turns at the store; who waits has planned its batch already.
    entering: Semaphore,
    /// Turns to write rows; who waits has entered its ids into the ledger already.
    writing: Semaphore,
}

#[derive(Debug)]
struct Settings {
    projection: Option<String>,
    request_bytes: usize,
    query_timeout: Duration,
    writers: NonZeroUsize,
}

impl std::fmt::Debug for Neo4jProcessor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Neo4jProcessor")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Neo4jProcessor {
    /// With the default mapping, [`Interactions`]. Connects when it is first used.
    ///
    /// # Errors
    /// All [`ConfigProblem`]s at once.
    pub fn new(config: Neo4jConfig) -> Result<Self, Vec<ConfigProblem>> {
        Self::with_mapping(config, Interactions)
    }

    /// With a mapping of your own.
    ///
    /// # Errors
    /// All [`ConfigProblem`]s at once.
    pub fn with_mapping(
        config: Neo4jConfig,
        mapping: impl Mapping,
    ) -> Result<Self, Vec<ConfigProblem>> {
        let store = BoltStore::new(&config)?;
        Ok(Self::with_store(store, &config, mapping))
    }

    /// Over another store. Of the config only the projection's name, request size, query
    /// timeout and number of writers count.
    pub fn with_store(store: impl GraphStore, config: &Neo4jConfig, mapping: impl Mapping) -> Self {
        Self {
            store: Arc::new(store),
            mapping: Box::new(mapping),
            settings: Settings {
                projection: config.projection.clone(),
                request_bytes: config.request_bytes,
                query_timeout: config.query_timeout,
                writers: config.writers,
            },
            entering: Semaphore::new(config.writers.saturating_add(1).get()),
            writing: Semaphore::new(config.writers.get()),
        }
    }

    /// [`prune_ledger`](crate::prune_ledger) in the store of this processor, within its query
    /// timeout.
    ///
    /// # Errors
    /// As [`process`](Processor::process).
    pub async fn prune_ledger(&self, before: Timestamp, limit: u32) -> Result<u64, Failure> {
        crate::prune_ledger(&*self.store, before, limit, self.settings.query_timeout).await
    }

    /// Beside the writers: it has a connection of its own, and takes no turn.
    async fn look_up(&self, ids: &[EventId]) -> Result<Vec<Trace>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let projection = self.settings.projection.as_deref();
        let ids = ids.iter().map(|id| in_ledger(projection, id)).collect();
        let mut transaction = self.store.begin().await?;
        let traces = ledger::look_up(&mut *transaction, ids, self.settings.request_bytes).await;
        transaction.rollback().await;
        traces
    }

    async fn apply(&self, batch: &Batch) -> Result<Outcomes, StoreError> {
        let projection = self.settings.projection.as_deref();
        let plan = Plan::new(&*self.mapping, projection, batch, Timestamp::now());
        report(&plan);
        if plan.entries.is_empty() {
            return Ok(plan.outcomes);
        }
        let _turn = self.turn(&self.entering).await?;
        let written = timeout(self.settings.query_timeout, self.persist(&plan)).await;
        let written = written.unwrap_or(Err(StoreError::TimedOut))?;
        Ok(plan.settle(written.repeated, &written.older))
    }

    /// Waits for a turn, not for long: the runtime has other batches.
    async fn turn<'a>(&self, turns: &'a Semaphore) -> Result<SemaphorePermit<'a>, StoreError> {
        let turn = timeout(self.settings.query_timeout / PATIENCE, turns.acquire()).await;
        turn.map_err(|_| StoreError::Busy)?
            .map_err(|_| StoreError::Unreachable("closed"))
    }

    /// Writes, and tries again where other writers were in the way.
    async fn persist(&self, plan: &Plan) -> Result<Written, StoreError> {
        let mut tries = 1;
        loop {
            match self.attempt(plan).await {
                Err(error) if tries < TRIES && Verdict::of(&error).is_worth_another_try() => {
                    tracing::debug!(tries, %error, "other writers were in the way");
                    sleep(Duration::from_millis(fastrand::u64(WAIT_MS))).await;
                    tries += 1;
                }
                ended => return ended,
            }
        }
    }

    async fn attempt(&self, plan: &Plan) -> Result<Written, StoreError> {
        let mut transaction = self.store.begin().await?;
        match self.enter_and_write(&mut *transaction, plan).await {
            Ok((written, _turn)) => transaction.commit().await.map(|()| written),
            Err(error) => {
                transaction.rollback().await;
                Err(error)
            }
        }
    }

    /// Ids of different batches are different keys: they are entered while another batch
    /// writes its rows, whose users and products are often the same. The turn is kept to
    /// the commit, which is where locks are given up.
    async fn enter_and_write(
        &self,
        transaction: &mut dyn GraphTransaction,
        plan: &Plan,
    ) -> Result<(Written, SemaphorePermit<'_>), StoreError> {
        let bytes = self.settings.request_bytes;
        let repeated = ledger::enter(transaction, plan.ledger_keys(), bytes).await?;
        let turn = self.turn(&self.writing).await?;
        let older = self.write(transaction, plan, &repeated).await?;
        Ok((Written { repeated, older }, turn))
    }

    /// Writes the rows of the new entries; answers by slot how many gave way.
    async fn write(
        &self,
        transaction: &mut dyn GraphTransaction,
        plan: &Plan,
        repeated: &ledger::Repeated,
    ) -> Result<HashMap<usize, usize>, StoreError> {
        let bytes = self.settings.request_bytes;
        let mut older = HashMap::new();
        let statements = self.mapping.statements();
        let rows = plan.rows(statements.len(), repeated);
        for (index, (statement, rows)) in statements.iter().zip(rows).enumerate() {
            let prepared = fold(statement, rows);
            for slot in prepared.superseded {
                *older.entry(slot).or_default() += 1;
            }
            for request in requests(prepared.rows, bytes, &statement.cypher, packed_row) {
                let skipped = send(transaction, statement, request, &mut older).await?;
                let (Some(text), false) = (&statement.after_skip, skipped.is_empty()) else {
                    continue;
                };
                let rows = skipped
                    .into_iter()
                    .filter_map(|slot| plan.columns(slot, index));
                let rows = rows.map(|columns| Value::List(columns.to_vec())).collect();
                transaction
                    .run(text, vec![("rows", Value::List(rows))])
                    .await?;
            }
        }
        Ok(older)
    }
}

/// What a transaction found.
struct Written {
    repeated: ledger::Repeated,
    /// By slot, how many of its rows gave way to something newer.
    older: HashMap<usize, usize>,
}

/// Sends rows, and answers a slot of each row that needed no effect.
async fn send(
    transaction: &mut dyn GraphTransaction,
    statement: &Statement,
    request: Vec<Row>,
    older: &mut HashMap<usize, usize>,
) -> Result<Vec<usize>, StoreError> {
    let sent = request.len();
    let (columns, slots): (Vec<_>, Vec<_>) = request
        .into_iter()
        .map(|row| (Value::List(row.columns), row.slots))
        .unzip();
    let parameters = vec![("rows", Value::List(columns))];
    let mut answer = one(transaction.run(&statement.cypher, parameters).await?)?;
    if answer.int("done")? != i64::try_from(sent).unwrap_or(i64::MAX) {
        return Err(StoreError::RowsDropped(statement.name.to_string()));
    }
    let mut skipped = Vec::new();
    for number in answer.list("skipped")? {
        let Value::Int(number) = number else {
            return Err(StoreError::Answer("a row number is no integer"));
        };
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let slots = slots
            .get(number)
            .ok_or(StoreError::Answer("a row number is unknown"))?;
        skipped.extend(slots.first());
        for slot in slots {
            *older.entry(*slot).or_default() += 1;
        }
    }
    Ok(skipped)
}

fn report(plan: &Plan) {
    if plan.clamped > 0 {
        let events = plan.clamped;
        tracing::warn!(
            target: "fanout_neo4j",
            events,
            "event times beyond tomorrow count as tomorrow"
        );
    }
    for id in &plan.conflicts {
        tracing::warn!(
            target: "fanout_neo4j",
            { event.id = id, code = "id-conflict" },
            "one id with two bodies; the first counts"
        );
    }
}

impl Processor for Neo4jProcessor {
    fn name(&self) -> &str {
        self.settings.projection.as_deref().unwrap_or("neo4j")
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async {
            let prepared = timeout(self.settings.query_timeout, self.store.prepare()).await;
            prepared
                .unwrap_or(Err(StoreError::TimedOut))
                .map_err(in_prepare)
        })
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        let span = tracing::info_span!(
            "neo4j",
            otel.kind = "client",
            db.system.name = "neo4j",
            "db.operation.name" = "apply",
            "db.operation.batch.size" = batch.len(),
        );
        Box::pin(async { self.apply(batch).await.map_err(in_process) }.instrument(span))
    }

    fn applied<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, Result<Applied, Failure>> {
        Box::pin(async {
            let traces = timeout(self.settings.query_timeout, self.look_up(ids)).await;
            let traces = traces.unwrap_or(Err(StoreError::TimedOut));
            traces.map(Applied::Told).map_err(in_process)
        })
    }

    /// Two more than writers: while they write, one enters its ids and one is planned.
    fn concurrency(&self) -> Option<NonZeroUsize> {
        Some(self.settings.writers.saturating_add(2))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.store.close()
    }
}

#[cfg(test)]
#[path = "processor_tests.rs"]
mod tests;
