//! What stands in a graph, so that two can be compared: totals, and users page by page. Reads
//! only, in bounded steps.

use fanout_contract::Failure;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

use crate::classify::in_process;
use crate::cypher::{INTERACTION_TOTALS, SOME_USERS, USERS_FROM, USERS_WITH_RELATIONS};
use crate::mapping::Key;
use crate::store::{GraphStore, Parameters, Record, StoreError};
use crate::value::Value;

/// What there is of one kind of relationship.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Pairs of a user and a product.
    pub pairs: i64,
    /// Events that they stand for.
    pub events: i64,
}

/// A user and what is counted of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserCounts {
    /// Whether the user is deleted.
    pub deleted: bool,
    /// By relationship and product.
    pub counts: BTreeMap<(String, Key), i64>,
}

/// What there is of each kind of relationship. Reads all of them, within `deadline`.
///
/// # Errors
/// As [`process`](fanout_contract::Processor::process) has them.
pub async fn interaction_totals(
    store: &dyn GraphStore,
    deadline: Duration,
) -> Result<BTreeMap<String, Totals>, Failure> {
    let records = ask(store, INTERACTION_TOTALS, Vec::new(), deadline).await?;
    let totals = records.into_iter().map(|mut record| {
        let kind = record
            .text("relationship")
            .ok_or(StoreError::Answer("a relationship has no type"))?;
        let (pairs, events) = (record.int("pairs")?, record.int("events")?);
        Ok((kind, Totals { pairs, events }))
    });
    totals.collect::<Result<_, _>>().map_err(in_process)
}

/// Ids of at most `limit` users in their order, from `from` on, which may be among them. Only
/// those of its type: begin with the least integer, and with the empty text.
///
/// # Errors
/// As [`process`](fanout_contract::Processor::process) has them.
pub async fn users_from(
    store: &dyn GraphStore,
    from: &Key,
    limit: u32,
    deadline: Duration,
) -> Result<Vec<Key>, Failure> {
    let parameters = vec![
        ("from", Value::from(from.clone())),
        ("limit", i64::from(limit).into()),
    ];
    users(ask(store, USERS_FROM, parameters, deadline).await?)
}

/// Ids of `limit` users by chance, or of all where there are no more.
///
/// # Errors
/// As [`process`](fanout_contract::Processor::process) has them.
pub async fn some_users(
    store: &dyn GraphStore,
    limit: u32,
    deadline: Duration,
) -> Result<Vec<Key>, Failure> {
    let parameters = vec![("limit", i64::from(limit).into())];
    users(ask(store, SOME_USERS, parameters, deadline).await?)
}

/// What is counted of these users; those who are not there are missing.
///
/// # Errors
/// As [`process`](fanout_contract::Processor::process) has them.
pub async fn counts_of(
    store: &dyn GraphStore,
    users: &[Key],
    deadline: Duration,
) -> Result<BTreeMap<Key, UserCounts>, Failure> {
    let ids = users.iter().cloned().map(Value::from).collect();
    let parameters = vec![("ids", Value::List(ids))];
    let records = ask(store, USERS_WITH_RELATIONS, parameters, deadline).await?;
    let mut found: BTreeMap<Key, UserCounts> = BTreeMap::new();
    for record in records {
        enter(record, &mut found).map_err(in_process)?;
    }
    Ok(found)
}

fn enter(mut record: Record, found: &mut BTreeMap<Key, UserCounts>) -> Result<(), StoreError> {
    let user = found.entry(key(&mut record, "user")?).or_default();
    user.deleted = record.take("deleted") == Some(Value::Bool(true));
    if let Some(relationship) = record.text("relationship") {
        let product = key(&mut record, "product")?;
        let count = record.int("count")?;
        user.counts.insert((relationship, product), count);
    }
    Ok(())
}

fn users(records: Vec<Record>) -> Result<Vec<Key>, Failure> {
    let keys = records
        .into_iter()
        .map(|mut record| key(&mut record, "user"));
    keys.collect::<Result<_, _>>().map_err(in_process)
}

fn key(record: &mut Record, column: &str) -> Result<Key, StoreError> {
    match record.take(column) {
        Some(Value::Int(id)) => Ok(Key::Int(id)),
        Some(Value::Text(id)) => Ok(Key::Text(id)),
        _ => Err(StoreError::Answer("a node has no id")),
    }
}

async fn ask(
    store: &dyn GraphStore,
    cypher: &str,
    parameters: Parameters,
    deadline: Duration,
) -> Result<Vec<Record>, Failure> {
    let asked = timeout(deadline, async {
        let mut transaction = store.begin().await?;
        let records = transaction.run(cypher, parameters).await;
        transaction.rollback().await;
        records
    });
    let asked = asked.await.unwrap_or(Err(StoreError::TimedOut));
    asked.map_err(in_process)
}
