//! What the payloads of the default mapping look like, in every spelling that is taken.

use fanout_contract::{Event, Failure, codes as contract};
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use std::collections::BTreeMap;
use std::fmt;

use crate::codes;
use crate::value::Value;

/// Longest text id in bytes: an index entry of Neo4j holds about 8 KiB.
pub(crate) const MAX_ID_BYTES: usize = 4096;

/// An id that keeps its JSON type: `1` and `"1"` are different.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Key {
    /// An integer of 64 bits.
    Int(i64),
    /// A text of at most 4,096 bytes.
    Text(String),
}

impl From<Key> for Value {
    fn from(key: Key) -> Self {
        match key {
            Key::Int(i) => Self::Int(i),
            Key::Text(s) => Self::Text(s),
        }
    }
}

/// `view`, `cart`, `remove_from_cart`, `purchase` in all their spellings.
#[derive(Debug, Deserialize)]
pub(super) struct Interaction {
    #[serde(rename = "userId", alias = "user_id")]
    pub(super) user: RawId,
    #[serde(rename = "productId", alias = "product_id")]
    pub(super) product: RawId,
    #[serde(
        default,
        alias = "session_id",
        alias = "sessionId",
        alias = "user_session",
        alias = "userSession"
    )]
    pub(super) session: Option<Session>,
    #[serde(default)]
    price: Option<serde_json::Value>,
    #[serde(default)]
    category_id: Option<serde_json::Value>,
    // not an alias: an event that has both spellings was always taken
    #[serde(default, rename = "categoryId")]
    category_id_too: Option<serde_json::Value>,
    #[serde(default)]
    category_code: Option<serde_json::Value>,
    #[serde(default, rename = "categoryCode")]
    category_code_too: Option<serde_json::Value>,
    #[serde(default)]
    brand: Option<serde_json::Value>,
}

impl Interaction {
    /// What it says of the product, as `cypher::SEEN_PROPERTIES` names it.
    pub(super) fn of_product(&mut self) -> [Option<serde_json::Value>; 4] {
        [
            self.price.take(),
            self.category_id.take().or(self.category_id_too.take()),
            self.category_code.take().or(self.category_code_too.take()),
            self.brand.take(),
        ]
    }
}

/// `product.upserted`: every scalar and every list of texts beside the id is a property.
#[derive(Debug, Deserialize)]
pub(super) struct Product {
    #[serde(rename = "productId", alias = "product_id")]
    pub(super) product: RawId,
    #[serde(flatten)]
    pub(super) rest: BTreeMap<String, serde_json::Value>,
}

/// `product.deleted`.
#[derive(Debug, Deserialize)]
pub(super) struct ProductId {
    #[serde(rename = "productId", alias = "product_id")]
    pub(super) product: RawId,
}

/// `user.deleted`.
#[derive(Debug, Deserialize)]
pub(super) struct UserId {
    #[serde(rename = "userId", alias = "user_id")]
    pub(super) user: RawId,
}

/// A session: text, or a number taken as its text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Session {
    Text(String),
    Int(i64),
}

impl From<Session> for Value {
    fn from(session: Session) -> Self {
        match session {
            Session::Text(s) => Self::Text(s),
            Session::Int(i) => Self::Text(i.to_string()),
        }
    }
}

/// Decodes the payload. Unlike the contract's own, the message has no word of the payload.
pub(super) fn decode<T: DeserializeOwned>(event: &Event) -> Result<T, Failure> {
    serde_json::from_slice(event.payload()).map_err(|error| {
        let what = match error.classify() {
            Category::Syntax => "is not JSON",
            Category::Eof => "ends too early",
            Category::Data | Category::Io => "has a field missing or of another type",
        };
        let (line, column) = (error.line(), error.column());
        let message = format!("the payload {what} (line {line}, column {column})");
        Failure::permanent(contract::PAYLOAD_INVALID, message)
    })
}

/// Whatever stands where an id should.
#[derive(Debug)]
pub(super) enum RawId {
    Good(Key),
    OutOfRange,
    Fractional,
    TooLong(usize),
}

impl RawId {
    /// The key, or why it is none.
    pub(super) fn key(self, field: &str) -> Result<Key, Failure> {
        let fail = |code, why: &str| Err(Failure::permanent(code, format!("{field} {why}")));
        match self {
            Self::Good(key) => Ok(key),
            Self::OutOfRange => fail(codes::ID_OUT_OF_RANGE, "is beyond 64 bits"),
            Self::Fractional => fail(codes::ID_UNSUPPORTED, "is a fraction, not an id"),
            Self::TooLong(len) => fail(
                codes::ID_TOO_LONG,
                &format!("has {len} bytes, more than {MAX_ID_BYTES}"),
            ),
        }
    }

    fn text(text: &str) -> Self {
        if text.len() > MAX_ID_BYTES {
            Self::TooLong(text.len())
        } else {
            Self::Good(Key::Text(text.to_owned()))
        }
    }
}

impl<'de> Deserialize<'de> for RawId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = RawId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer or a text")
    }

    fn visit_i64<E: de::Error>(self, id: i64) -> Result<RawId, E> {
        Ok(RawId::Good(Key::Int(id)))
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<RawId, E> {
        Ok(i64::try_from(id).map_or(RawId::OutOfRange, |id| RawId::Good(Key::Int(id))))
    }

    fn visit_f64<E: de::Error>(self, id: f64) -> Result<RawId, E> {
        // an integer beyond u64 arrives here too
        let huge = id.abs() >= 9_223_372_036_854_775_808.0;
        Ok(if huge {
            RawId::OutOfRange
        } else {
            RawId::Fractional
        })
    }

    fn visit_str<E: de::Error>(self, id: &str) -> Result<RawId, E> {
        Ok(RawId::text(id))
    }
}
