//! The ledger's part of a transaction: which ids are new, what was answered to the others, and
//! which are there at all.

use fanout_contract::{FollowUp, Trace};
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

/// The traces of these ids; `None` stands for one that the ledger never takes.
pub(crate) async fn look_up(
    transaction: &mut dyn GraphTransaction,
    ids: Vec<Option<String>>,
    request_bytes: usize,
) -> Result<Vec<Trace>, StoreError> {
    let mut traces = vec![Trace::NotApplied; ids.len()];
    let asked = ids.into_iter().enumerate();
    let asked: Vec<_> = asked.filter_map(|(slot, id)| Some((slot, id?))).collect();
    let packed = |(_, id): &(usize, String)| id.len() + 5;
    for request in requests(asked, request_bytes, cypher::LEDGER_LOOK_UP, packed) {
        let (slots, ids): (Vec<_>, Vec<_>) = request
            .into_iter()
            .map(|(slot, id)| (slot, Value::Text(id)))
            .unzip();
        let parameters = vec![("ids", Value::List(ids))];
        for mut record in transaction.run(cypher::LEDGER_LOOK_UP, parameters).await? {
            let number = usize::try_from(record.int("number")?).ok();
            let slot = number.and_then(|number| slots.get(number));
            let place = slot.and_then(|slot| traces.get_mut(*slot));
            let place = place.ok_or(StoreError::Answer("the ledger answered an unknown row"))?;
            let at = match record.take("at") {
                Some(Value::Time(at)) => Some(at),
                _ => None,
            };
            *place = Trace::Applied { at };
        }
    }
    Ok(traces)
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
