//! The question that the graph is for: what a user did, read from any [`GraphStore`].

use fanout_contract::Failure;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::timeout;

use crate::classify::in_process;
use crate::cypher::RELATIONS_OF_USER;
use crate::mapping::Key;
use crate::store::{GraphStore, Record, StoreError};
use crate::value::Value;

/// What a user did with a product.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Type of the relationship, such as `VIEWED`.
    pub relationship: String,
    /// With which product.
    pub product: Key,
    /// The product's name, where it is known.
    pub name: Option<String>,
    /// How often: distinct events.
    pub count: i64,
    /// The earliest.
    pub first_at: Option<Timestamp>,
    /// The latest.
    pub last_at: Option<Timestamp>,
    /// Session of the latest.
    pub last_session: Option<String>,
}

/// What a user did, the latest first, at most `limit` relationships; `None` for a user who is
/// not known or deleted. Takes at most `deadline`. Dropping the future gives the transaction
/// up.
///
/// # Errors
/// As [`process`](fanout_contract::Processor::process) has them.
pub async fn relations_of_user(
    store: &dyn GraphStore,
    user: &Key,
    limit: u32,
    deadline: Duration,
) -> Result<Option<Vec<Relation>>, Failure> {
    let asked = timeout(deadline, ask(store, user, limit)).await;
    asked
        .unwrap_or(Err(StoreError::TimedOut))
        .map_err(in_process)
}

async fn ask(
    store: &dyn GraphStore,
    user: &Key,
    limit: u32,
) -> Result<Option<Vec<Relation>>, StoreError> {
    let mut transaction = store.begin().await?;
    let parameters = vec![
        ("id", Value::from(user.clone())),
        ("limit", i64::from(limit).into()),
    ];
    let records = transaction.run(RELATIONS_OF_USER, parameters).await;
    transaction.rollback().await;
    let mut records = records?;
    let deleted = |record: &mut Record| record.take("deleted") == Some(Value::Bool(true));
    if records.is_empty() || records.iter_mut().any(deleted) {
        return Ok(None);
    }
    let relations = records.into_iter().filter_map(|r| relation(r).transpose());
    relations.collect::<Result<_, _>>().map(Some)
}

/// The relation of a record; `None` for the one record of a user who did nothing.
fn relation(mut record: Record) -> Result<Option<Relation>, StoreError> {
    let Some(relationship) = record.text("relationship") else {
        return Ok(None);
    };
    let time = |value| match value {
        Some(Value::Time(at)) => Some(at),
        _ => None,
    };
    Ok(Some(Relation {
        relationship,
        product: match record.take("product") {
            Some(Value::Int(id)) => Key::Int(id),
            Some(Value::Text(id)) => Key::Text(id),
            _ => return Err(StoreError::Answer("a product has no id")),
        },
        name: record.text("name"),
        count: record.int("count")?,
        first_at: time(record.take("first_at")),
        last_at: time(record.take("last_at")),
        last_session: record.text("last_session"),
    }))
}
