//! The rows of a batch: folded by key, sorted, cut into requests.

use std::cmp::Ordering;

use crate::statement::{Folded, Statement};
use crate::value::{Value, head_len};

/// A row and the slots of the events that it speaks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) columns: Vec<Value>,
    pub(crate) slots: Vec<usize>,
}

/// Rows of one statement, ready to be sent.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Prepared {
    /// Sorted by key, folded.
    pub(crate) rows: Vec<Row>,
    /// Slots whose row gave way to a newer one of the same batch.
    pub(crate) superseded: Vec<usize>,
}

/// Sorts by key, so that all writers take their locks in one order, and folds equal keys.
pub(crate) fn fold(statement: &Statement, mut rows: Vec<Row>) -> Prepared {
    let keys = statement.key_columns;
    rows.sort_by(|a, b| cmp_keys(keys, &a.columns, &b.columns));
    let mut prepared = Prepared {
        rows: Vec::with_capacity(rows.len()),
        superseded: Vec::new(),
    };
    for row in rows {
        let Some(last) = prepared
            .rows
            .last_mut()
            .filter(|last| same_key(keys, last, &row))
        else {
            prepared.rows.push(row);
            continue;
        };
        match statement.fold.apply(keys, &mut last.columns, &row.columns) {
            Folded::Apart => prepared.rows.push(row),
            Folded::Merged => last.slots.extend(row.slots),
            Folded::KeptFirst => prepared.superseded.extend(row.slots),
            Folded::KeptSecond => {
                prepared.superseded.append(&mut last.slots);
                *last = row;
            }
        }
    }
    prepared
}

fn same_key(keys: usize, a: &Row, b: &Row) -> bool {
    let (a, b) = (a.columns.get(..keys), b.columns.get(..keys));
    matches!((a, b), (Some(a), Some(b)) if a == b)
}

fn cmp_keys(keys: usize, a: &[Value], b: &[Value]) -> Ordering {
    let pairs = a.iter().zip(b).take(keys);
    pairs
        .map(|(a, b)| a.cmp_key(b))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// What RUN takes beside statement and rows: markers, names of parameters, database, mode,
/// and the PULL behind it. Names of databases have at most 63 characters.
const OVERHEAD: usize = 192;

/// Cuts items into runs that fit a request of `request_bytes` with this text; at least one
/// item each. `packed` says how many bytes an item takes.
pub(crate) fn requests<T>(
    items: Vec<T>,
    request_bytes: usize,
    cypher: &str,
    packed: impl Fn(&T) -> usize,
) -> Vec<Vec<T>> {
    let room = request_bytes.saturating_sub(cypher.len() + OVERHEAD);
    let mut requests = Vec::new();
    let mut current = Vec::new();
    let mut used = 0;
    for item in items {
        let len = packed(&item);
        if used + len > room && !current.is_empty() {
            requests.push(std::mem::take(&mut current));
            used = 0;
        }
        used += len;
        current.push(item);
    }
    if !current.is_empty() {
        requests.push(current);
    }
    requests
}

/// Bytes of a row in a request.
pub(crate) fn packed_row(row: &Row) -> usize {
    head_len(row.columns.len()) + row.columns.iter().map(Value::packed_len).sum::<usize>()
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
