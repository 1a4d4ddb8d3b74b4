//! The values that cross the seam to a graph store, free of any driver's types.

use jiff::Timestamp;
use std::cmp::Ordering;

/// A property, a parameter, or a column of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing; setting a property to it removes the property.
    Null,
    /// True or false.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Text(String),
    /// An instant; a `ZONED DATETIME` in UTC in Neo4j.
    Time(Timestamp),
    /// A list.
    List(Vec<Value>),
    /// A map, in the order given; a key must not occur twice.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// Total order of keys: integers before text, everything else equal behind them.
    pub(crate) fn cmp_key(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Int(_) => 0,
            Self::Text(_) => 1,
            _ => 2,
        }
    }

    /// Bytes that the value takes in PackStream, the encoding of Bolt.
    pub fn packed_len(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 1,
            Self::Int(i) => int_len(*i),
            Self::Float(_) => 9,
            Self::Text(s) => text_len(s),
            // a structure of two bytes head, seconds, nanoseconds, offset 0
            Self::Time(t) => 3 + int_len(t.as_second()) + int_len(i64::from(t.subsec_nanosecond())),
            Self::List(items) => {
                head_len(items.len()) + items.iter().map(Self::packed_len).sum::<usize>()
            }
            Self::Map(entries) => {
                let inner: usize = entries
                    .iter()
                    .map(|(k, v)| text_len(k) + v.packed_len())
                    .sum();
                head_len(entries.len()) + inner
            }
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Time(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

fn int_len(i: i64) -> usize {
    match i {
        -16..=127 => 1,
        -128..=-17 => 2,
        -32_768..=32_767 => 3,
        -2_147_483_648..=2_147_483_647 => 5,
        _ => 9,
    }
}

fn text_len(text: &str) -> usize {
    head_len(text.len()) + text.len()
}

/// Marker and length of a text, list or map.
pub(crate) fn head_len(items: usize) -> usize {
    match items {
        0..=15 => 1,
        16..=255 => 2,
        256..=65_535 => 3,
        _ => 5,
    }
}
