//! The ledger's part of a transaction: which ids are new, and what was answered to the others.

use fanout_contract::FollowUp;
use jiff::Timestamp;
use std::collections::HashMap;

use crate::cypher;
use crate::fold::requests;
use crate::store::{GraphTransaction, Record, StoreError, one};
use crate::value::Value;

/// An id that the batch brings, with the follow-ups to be stored as JSON.
#[derive(Clone, Debug)]
pub(crate) struct LedgerKey {
    /// Which entry of the plan it is.
    pub(crate) entry: usize,
    /// The id in the ledger.
    pub(crate) id: String,
    /// What is stored beside it.
    pub(crate) follow_ups: Option<String>,
}

/// Entries of the plan that were applied before, with what was answered then.
pub(crate) type Repeated = HashMap<usize, Vec<FollowUp>>;

/// Enters the keys, and says which were there before.
pub(crate) async fn enter(
    transaction: &mut dyn GraphTransaction,
    keys: Vec<LedgerKey>,
    request_bytes: usize,
) -> Result<Repeated, StoreError> {
    let at = Timestamp::now();
    // Random anew for each attempt: what a lost attempt committed must not look new.
    let nonce = fastrand::i64(..);
    let (with, without): (Vec<_>, Vec<_>) = keys.into_iter().partition(|k| k.follow_ups.is_some());
    let mut repeated = Repeated::new();
    for (cypher, parameter, keys) in [
        (cypher::LEDGER, "ids", without),
        (cypher::LEDGER_WITH_FOLLOW_UPS, "rows", with),
    ] {
        for request in requests(keys, request_bytes, cypher, packed) {
            let values = request.iter().map(value).collect();
            let parameters = vec![
                (parameter, Value::List(values)),
                ("nonce", Value::Int(nonce)),
                ("at", Value::Time(at)),
            ];
            let answer = transaction.run(cypher, parameters).await?;
            read(one(answer)?, &request, &mut repeated)?;
        }
    }
    Ok(repeated)
}

fn value(key: &LedgerKey) -> Value {
    let id = Value::Text(key.id.clone());
    match &key.follow_ups {
        None => id,
        Some(json) => Value::List(vec![id, Value::Text(json.clone())]),
    }
}

fn packed(key: &LedgerKey) -> usize {
    // markers and lengths take at most 5 bytes each
    key.id.len() + 5 + key.follow_ups.as_ref().map_or(0, |json| json.len() + 6)
}

fn read(
    mut record: Record,
    request: &[LedgerKey],
    repeated: &mut Repeated,
) -> Result<(), StoreError> {
    if record.int("done")? != i64::try_from(request.len()).unwrap_or(i64::MAX) {
        return Err(StoreError::RowsDropped("ledger".to_owned()));
    }
    for item in record.list("repeated")? {
        let Value::List(pair) = item else {
            return Err(StoreError::Answer("the ledger's answer has another shape"));
        };
        let [Value::Int(number), stored] = pair.as_slice() else {
            return Err(StoreError::Answer("the ledger's answer has another shape"));
        };
        let key = usize::try_from(*number)
            .ok()
            .and_then(|number| request.get(number));
        let key = key.ok_or(StoreError::Answer("the ledger answered an unknown row"))?;
        let follow_ups = match stored {
            Value::Text(json) => serde_json::from_str(json)
                .map_err(|_| StoreError::Answer("stored follow-ups do not decode"))?,
            _ => Vec::new(),
        };
        repeated.insert(key.entry, follow_ups);
    }
    Ok(())
}

/// Removes at most `limit` entries older than `before`.
pub(crate) async fn prune(
    transaction: &mut dyn GraphTransaction,
    before: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let parameters = vec![
        ("before", Value::Time(before)),
        ("limit", Value::Int(limit.into())),
    ];
    let removed = one(transaction.run(cypher::PRUNE_LEDGER, parameters).await?)?.int("removed")?;
    Ok(u64::try_from(removed).unwrap_or_default())
}
