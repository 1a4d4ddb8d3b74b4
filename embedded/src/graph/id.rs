//! Ids of users and products, as values and as keys of the tables.

use std::fmt;

use fanout_neo4j::Value;
use serde::Serialize;

use super::error::Trouble;

/// An id that keeps its JSON type: `1` and `"1"` are different.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum GraphId {
    /// An integer of 64 bits.
    Int(i64),
    /// A text.
    Text(String),
}

impl fmt::Display for GraphId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl From<i64> for GraphId {
    fn from(id: i64) -> Self {
        Self::Int(id)
    }
}

impl From<&str> for GraphId {
    fn from(id: &str) -> Self {
        Self::Text(id.to_owned())
    }
}

/// Before the bytes of each kind.
const INT: u8 = 1;
const TEXT: u8 = 2;

impl GraphId {
    /// Bytes that sort as the ids: integers before texts.
    pub(super) fn key(&self) -> Vec<u8> {
        match self {
            Self::Int(number) => {
                // the sign's bit turned over, negative numbers sort first
                let sortable = number.cast_unsigned() ^ (1 << 63);
                let mut key = vec![INT];
                key.extend_from_slice(&sortable.to_be_bytes());
                key
            }
            Self::Text(text) => {
                let mut key = Vec::with_capacity(1 + text.len());
                key.push(TEXT);
                key.extend_from_slice(text.as_bytes());
                key
            }
        }
    }

    pub(super) fn of_key(key: &[u8]) -> Result<Self, Trouble> {
        let id = match key.split_first() {
            Some((&INT, bytes)) => bytes.try_into().ok().map(|bytes| {
                let sortable = u64::from_be_bytes(bytes) ^ (1 << 63);
                Self::Int(sortable.cast_signed())
            }),
            Some((&TEXT, bytes)) => {
                let text = std::str::from_utf8(bytes);
                text.ok().map(|text| Self::Text(text.to_owned()))
            }
            _ => None,
        };
        id.ok_or(Trouble::Damaged)
    }

    pub(super) fn of_value(value: Value) -> Result<Self, Trouble> {
        match value {
            Value::Int(number) => Ok(Self::Int(number)),
            Value::Text(text) => Ok(Self::Text(text)),
            _ => Err(Trouble::Type),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_the_ids_and_lead_back_to_them() {
        let ids: Vec<GraphId> = vec![
            i64::MIN.into(),
            (-1).into(),
            0.into(),
            1.into(),
            i64::MAX.into(),
            "".into(),
            "1".into(),
            "a".into(),
            "ä".into(),
        ];
        for pair in ids.windows(2) {
            assert!(
                pair[0] < pair[1] && pair[0].key() < pair[1].key(),
                "{pair:?}"
            );
        }
        for id in ids {
            assert_eq!(GraphId::of_key(&id.key()).unwrap(), id);
        }
    }
}
