//! A named statement and how its rows are folded, sorted and answered.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::value::Value;

/// A statement that writes rows.
///
/// Its text gets the parameter `$rows`, a list of lists (one inner list per row, columns in
/// the order that the mapping gave), and must return one record with
///
/// * `done`: how many rows it handled. Fewer than were sent means that it dropped rows (a
///   `MATCH` that found nothing): the transaction is then rolled back and the rows fail with
///   code `neo4j-rows-dropped`.
/// * `skipped`: the numbers (from 0) of the rows that needed no effect, since the graph
///   already holds something newer; `[]` for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Stable name, for logs and for stores that bring texts of their own.
    pub name: Cow<'static, str>,
    /// The text; constant, so that the server plans it once.
    pub cypher: Cow<'static, str>,
    /// How many leading columns are the key. Rows are sent sorted by it, so that writers
    /// take locks in one order, and rows of one batch with the same key are folded.
    pub key_columns: usize,
    /// What becomes of rows of one batch with the same key.
    pub fold: Fold,
    /// Text that is run over the skipped rows, where there are any, before the commit; it
    /// needs to return nothing.
    pub after_skip: Option<Cow<'static, str>>,
}

/// What becomes of rows of one batch with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Each is sent.
    Each,
    /// The first stands for all: they say the same.
    Same,
    /// Columns after a key of two: count, earliest, latest, session of the latest. Counts
    /// are added, the extremes kept.
    Count,
    /// The column after the key is a version: the row with the greatest one is sent, the
    /// others are skipped as older.
    Newest,
    /// Columns after a key of one: a mark, values, and last null or a list with a mark for each
    /// of the values. Null is no value, and the empty mark no mark. Of each value the one with
    /// the greatest mark is kept.
    NewestOfEach,
}

/// What a fold made of two rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folded {
    /// They stay apart.
    Apart,
    /// The first now speaks for both.
    Merged,
    /// The first stays, the second is superseded.
    KeptFirst,
    /// The second replaces the first, which is superseded.
    KeptSecond,
}

impl Fold {
    /// Folds `second` into `first`; both have the same key.
    pub(crate) fn apply(self, key_columns: usize, first: &mut [Value], second: &[Value]) -> Folded {
        match self {
            Self::Each => Folded::Apart,
            Self::Same => Folded::Merged,
            Self::Count => fold_counts(first, second),
            Self::Newest => match (first.get(key_columns), second.get(key_columns)) {
                (Some(a), Some(b)) if a.cmp_key(b) == Ordering::Less => Folded::KeptSecond,
                (Some(_), Some(_)) => Folded::KeptFirst,
                _ => Folded::Apart,
            },
            Self::NewestOfEach => fold_each(first, second).unwrap_or(Folded::Apart),
        }
    }
}

fn fold_counts(first: &mut [Value], second: &[Value]) -> Folded {
    use Value::{Int, Time};
    let [_, _, Int(count), Time(earliest), Time(latest), session] = first else {
        return Folded::Apart;
    };
    let [
        _,
        _,
        Int(count_2),
        Time(earliest_2),
        Time(latest_2),
        session_2,
    ] = second
    else {
        return Folded::Apart;
    };
    *count = count.saturating_add(*count_2);
    *earliest = (*earliest).min(*earliest_2);
    // The same instant: the greater session wins, so that the order of arrival does not show.
    let newer = latest_2
        .cmp(latest)
        .then_with(|| cmp_session(session_2, session));
    if newer == Ordering::Greater {
        *latest = *latest_2;
        *session = session_2.clone();
    }
    Folded::Merged
}

/// No session before any session.
fn cmp_session(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Text(_), _) => Ordering::Greater,
        (_, Value::Text(_)) => Ordering::Less,
        _ => Ordering::Equal,
    }
}

fn fold_each(first: &mut [Value], second: &[Value]) -> Option<Folded> {
    let (mut kept, others) = (marks(first)?, marks(second)?);
    let ([_, mark, values @ .., of_each], [_, _, other_values @ .., _]) = (first, second) else {
        return None;
    };
    if kept.len() != others.len() {
        return None;
    }
    let pairs = values.iter_mut().zip(&mut kept);
    for ((value, at), (other, other_at)) in pairs.zip(other_values.iter().zip(others)) {
        if other_at > *at {
            (*value, *at) = (other.clone(), other_at);
        }
    }
    let newest = kept.iter().max().cloned().unwrap_or_default();
    let same = kept.iter().all(|at| at.is_empty() || *at == newest);
    let list = || Value::List(kept.into_iter().map(Value::Text).collect());
    *of_each = if same { Value::Null } else { list() };
    *mark = Value::Text(newest);
    Some(Folded::Merged)
}

/// A mark for each value, empty where there is none.
fn marks(row: &[Value]) -> Option<Vec<String>> {
    let [_, Value::Text(mark), values @ .., of_each] = row else {
        return None;
    };
    let own = |value: &Value| match value {
        Value::Null => String::new(),
        _ => mark.clone(),
    };
    match of_each {
        Value::Null => Some(values.iter().map(own).collect()),
        Value::List(marks) if marks.len() == values.len() => {
            let texts = marks.iter().map(|mark| match mark {
                Value::Text(mark) => Some(mark.clone()),
                _ => None,
            });
            texts.collect()
        }
        _ => None,
    }
}
