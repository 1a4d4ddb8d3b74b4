//! The age of the ledger: how much of it there is, and taking away what is old, piece by piece.

use fanout_contract::Failure;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::{sleep, timeout};

use crate::classify::{Verdict, in_process};
use crate::cypher::{LEDGER_ENDS, LEDGER_SIZE};
use crate::ledger;
use crate::processor::{TRIES, WAIT_MS};
use crate::store::{GraphStore, GraphTransaction, Record, StoreError, one};
use crate::value::Value;

/// How much there is of the ledger, those of all projections of the database together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSize {
    /// Entries: one for each event that was applied.
    pub entries: u64,
    /// The time asked for, or that of the newest entry where this is earlier: a filled graph
    /// without any entry is what a lost ledger looks like, so who prunes goes up to here.
    pub before: Timestamp,
    /// Entries that were made before that.
    pub older: u64,
    /// When the first of them was made; `None` where there is none.
    pub oldest: Option<Timestamp>,
    /// When the last of them was made.
    pub newest: Option<Timestamp>,
}

/// How much there is, and how much of it is older than `before`. Reads the index of the old
/// ones once, within `deadline`; dropping the future gives the transaction up.
///
/// # Errors
/// As [`process`](fanout_contract::Processor::process) has them.
pub async fn ledger_size(
    store: &dyn GraphStore,
    before: Timestamp,
    deadline: Duration,
) -> Result<LedgerSize, Failure> {
    let asked = timeout(deadline, async {
        let mut transaction = store.begin().await?;
        let size = size(&mut *transaction, before).await;
        transaction.rollback().await;
        size
    });
    let asked = asked.await.unwrap_or(Err(StoreError::TimedOut));
    asked.map_err(in_process)
}

/// Removes entries older than `before`, `limit` at most, in one transaction; answers how many. Call it until it answers fewer than `limit`. The follow-ups
/// that an entry holds go with it. An event that is applied again after its entry is gone
/// counts twice.
///
/// Takes at most `deadline`, tries again after a deadlock included. *Cancellation*: dropping
/// the future leaves all of them there, or none.
///
/// # Errors
/// As [`process`](fanout_contract::Processor::process) has them; whether what is removed by a
/// commit without an answer is gone is unknown, and harmless to repeat.
pub async fn prune_ledger(
    store: &dyn GraphStore,
    before: Timestamp,
    limit: u32,
    deadline: Duration,
) -> Result<u64, Failure> {
    let pruned = timeout(deadline, async {
        let mut tries = 1;
        loop {
            match attempt(store, before, limit).await {
                // A worker that meets old ids again takes the same locks in another order.
                Err(error) if tries < TRIES && Verdict::of(&error).is_worth_another_try() => {
                    sleep(Duration::from_millis(fastrand::u64(WAIT_MS))).await;
                    tries += 1;
                }
                ended => return ended,
            }
        }
    });
    let pruned = pruned.await.unwrap_or(Err(StoreError::TimedOut));
    pruned.map_err(in_process)
}

async fn attempt(store: &dyn GraphStore, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let mut transaction = store.begin().await?;
    match ledger::prune(&mut *transaction, before, limit).await {
        Ok(removed) => transaction.commit().await.map(|()| removed),
        Err(error) => {
            transaction.rollback().await;
            Err(error)
        }
    }
}

async fn size(
    transaction: &mut dyn GraphTransaction,
    before: Timestamp,
) -> Result<LedgerSize, StoreError> {
    let ends = ends(transaction).await?;
    let before = ends.map_or(before, |(_, newest)| before.min(newest));
    let parameters = vec![("before", Value::Time(before))];
    let mut counts = one(transaction.run(LEDGER_SIZE, parameters).await?)?;
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(LedgerSize {
        entries: count(counts.int("entries")?),
        before,
        older: count(counts.int("older")?),
        oldest: ends.map(|(oldest, _)| oldest),
        newest: ends.map(|(_, newest)| newest),
    })
}

/// When the oldest and the newest entry were made.
async fn ends(
    transaction: &mut dyn GraphTransaction,
) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
    let records = transaction.run(LEDGER_ENDS, Vec::new()).await?;
    if records.is_empty() {
        return Ok(None);
    }
    let mut record = one(records)?;
    Ok(Some((
        time(&mut record, "oldest")?,
        time(&mut record, "newest")?,
    )))
}

fn time(record: &mut Record, column: &str) -> Result<Timestamp, StoreError> {
    match record.take(column) {
        Some(Value::Time(at)) => Ok(at),
        _ => Err(StoreError::Answer("a time is missing in the answer")),
    }
}
