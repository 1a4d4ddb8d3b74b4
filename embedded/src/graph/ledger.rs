//! The ledger of applied events.

use fanout_neo4j::Value;
use fanout_neo4j::store::Record;
use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::error::Trouble;
use super::statement::{Given, counted};
use super::table::{LEDGER, LEDGER_AT, time_out};

/// An id, and the follow-ups to keep with it.
type Key = (String, Option<String>);

pub(super) fn enter(txn: &WriteTransaction, mut given: Given) -> Result<Record, Trouble> {
    let keys = given.list("ids")?.into_iter().map(|id| match id {
        Value::Text(id) => Ok((id, None)),
        _ => Err(Trouble::Type),
    });
    let keys = keys.collect::<Result<Vec<Key>, _>>()?;
    enter_all(txn, given, keys)
}

pub(super) fn enter_with_follow_ups(
    txn: &WriteTransaction,
    mut given: Given,
) -> Result<Record, Trouble> {
    let keys = given.list("rows")?.into_iter().map(|row| match row {
        Value::List(row) => match <[Value; 2]>::try_from(row) {
            Ok([Value::Text(id), Value::Text(follow_ups)]) => Ok((id, Some(follow_ups))),
            Ok([Value::Text(id), Value::Null]) => Ok((id, None)),
            _ => Err(Trouble::Type),
        },
        _ => Err(Trouble::Type),
    });
    let keys = keys.collect::<Result<Vec<Key>, _>>()?;
    enter_all(txn, given, keys)
}

/// What another attempt entered, with another nonce, is repeated.
fn enter_all(txn: &WriteTransaction, mut given: Given, keys: Vec<Key>) -> Result<Record, Trouble> {
    let nonce = given.int("nonce")?;
    let at = given.time("at")?;
    let mut ledger = txn.open_table(LEDGER)?;
    let mut by_time = txn.open_table(LEDGER_AT)?;
    let mut repeated = Vec::new();
    for (number, (id, follow_ups)) in keys.iter().enumerate() {
        if let Some(entry) = ledger.get(id.as_str())? {
            let (first, _, stored) = entry.value();
            if first != nonce {
                let stored = stored.map_or(Value::Null, Value::from);
                repeated.push(Value::List(vec![counted(number), stored]));
            }
            continue;
        }
        ledger.insert(id.as_str(), (nonce, at, follow_ups.as_deref()))?;
        by_time.insert((at, id.as_str()), ())?;
    }
    Ok(Record::new(vec![
        ("done".to_owned(), counted(keys.len())),
        ("repeated".to_owned(), Value::List(repeated)),
    ]))
}

/// One record for each id that is there.
pub(super) fn look_up(txn: &WriteTransaction, mut given: Given) -> Result<Vec<Record>, Trouble> {
    let ledger = txn.open_table(LEDGER)?;
    let mut found = Vec::new();
    for (number, id) in given.list("ids")?.into_iter().enumerate() {
        let Value::Text(id) = id else {
            return Err(Trouble::Type);
        };
        if let Some(entry) = ledger.get(id.as_str())? {
            let at = time_out(entry.value().1)?;
            found.push(Record::new(vec![
                ("number".to_owned(), counted(number)),
                ("at".to_owned(), Value::Time(at)),
            ]));
        }
    }
    Ok(found)
}

/// The oldest first, so that a limit takes them in order.
pub(super) fn prune(txn: &WriteTransaction, mut given: Given) -> Result<Record, Trouble> {
    let before = given.time("before")?;
    let limit = usize::try_from(given.int("limit")?).map_err(|_| Trouble::Type)?;
    let mut ledger = txn.open_table(LEDGER)?;
    let mut by_time = txn.open_table(LEDGER_AT)?;
    let mut old = Vec::new();
    for entry in by_time.range::<(i128, &str)>(..(before, ""))?.take(limit) {
        let key = entry?.0;
        let (at, id) = key.value();
        old.push((at, id.to_owned()));
    }
    for (at, id) in &old {
        by_time.remove((*at, id.as_str()))?;
        ledger.remove(id.as_str())?;
    }
    Ok(Record::new(vec![(
        "removed".to_owned(),
        counted(old.len()),
    )]))
}

/// All entries, and those before the time given.
pub(super) fn size(txn: &WriteTransaction, mut given: Given) -> Result<Record, Trouble> {
    let before = given.time("before")?;
    let entries = txn.open_table(LEDGER)?.len()?;
    let by_time = txn.open_table(LEDGER_AT)?;
    let mut older = 0;
    for entry in by_time.range::<(i128, &str)>(..(before, ""))? {
        entry?;
        older += 1;
    }
    let entries = usize::try_from(entries).unwrap_or(usize::MAX);
    Ok(Record::new(vec![
        ("entries".to_owned(), counted(entries)),
        ("older".to_owned(), counted(older)),
    ]))
}

/// The first and the last time; no record where there is none.
pub(super) fn ends(txn: &WriteTransaction) -> Result<Vec<Record>, Trouble> {
    let by_time = txn.open_table(LEDGER_AT)?;
    let (Some((first, _)), Some((last, _))) = (by_time.first()?, by_time.last()?) else {
        return Ok(Vec::new());
    };
    let time = |at| time_out(at).map(Value::Time);
    Ok(vec![Record::new(vec![
        ("oldest".to_owned(), time(first.value().0)?),
        ("newest".to_owned(), time(last.value().0)?),
    ])])
}
