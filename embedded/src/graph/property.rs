//! A product as it is kept.

use std::collections::BTreeMap;

use fanout_neo4j::Value;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::Trouble;

/// Version and properties of a product. One that was only seen in an interaction has none.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) deleted: bool,
    #[serde(default)]
    pub(super) properties: BTreeMap<String, Property>,
    /// The marks of what interactions said, in the order of the statement's properties; none
    /// once there is a version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) seen: Vec<String>,
}

/// What a property can be in Neo4j.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Property {
    Bool(bool),
    Int(i64),
    /// Its bits: a decimal text might lead to a neighbour of it.
    Float(u64),
    Text(String),
    /// Seconds and nanoseconds since 1970.
    Time(i64, i32),
    List(Vec<Property>),
}

impl Stored {
    pub(super) fn encode(&self) -> Result<Vec<u8>, Trouble> {
        serde_json::to_vec(self).map_err(|_| Trouble::Type)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Trouble> {
        serde_json::from_slice(bytes).map_err(|_| Trouble::Damaged)
    }
}

impl Property {
    /// Nothing for null, which removes a property.
    pub(super) fn of(value: Value) -> Result<Option<Self>, Trouble> {
        Ok(Some(match value {
            Value::Null => return Ok(None),
            Value::Bool(flag) => Self::Bool(flag),
            Value::Int(number) => Self::Int(number),
            Value::Float(number) => Self::Float(number.to_bits()),
            Value::Text(text) => Self::Text(text),
            Value::Time(at) => Self::Time(at.as_second(), at.subsec_nanosecond()),
            Value::List(items) => {
                let items = items.into_iter().map(|item| match item {
                    Value::List(_) => Err(Trouble::Type),
                    item => Self::of(item)?.ok_or(Trouble::Type),
                });
                Self::List(items.collect::<Result<_, _>>()?)
            }
            Value::Map(_) => return Err(Trouble::Type),
        }))
    }

    pub(super) fn value(self) -> Result<Value, Trouble> {
        Ok(match self {
            Self::Bool(flag) => Value::Bool(flag),
            Self::Int(number) => Value::Int(number),
            Self::Float(bits) => Value::Float(f64::from_bits(bits)),
            Self::Text(text) => Value::Text(text),
            Self::Time(seconds, nanos) => {
                let at = Timestamp::new(seconds, nanos).map_err(|_| Trouble::Damaged)?;
                Value::Time(at)
            }
            Self::List(items) => Value::List(
                items
                    .into_iter()
                    .map(Self::value)
                    .collect::<Result<_, _>>()?,
            ),
        })
    }
}
