//! Ids of events' subjects, and the ids of their points.

use fanout_contract::Failure;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

use crate::codes;

/// Longest text id in bytes.
const MAX_ID_BYTES: usize = 4096;

/// The four collections, each with the namespace of its point ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Collection {
    /// A point per product, with its vector; a deleted one keeps a point without.
    Products,
    /// A point per event of a user with a product, without a vector.
    Interactions,
    /// A point per user, with the user's vector.
    Profiles,
    /// A point per deleted user, without a vector.
    Tombstones,
}

impl Collection {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Products,
        Self::Interactions,
        Self::Profiles,
        Self::Tombstones,
    ];

    /// Its name, without any prefix.
    pub fn name(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Interactions => "interactions",
            Self::Profiles => "profiles",
            Self::Tombstones => "tombstones",
        }
    }

    /// Namespace of the point ids: UUIDv5 of `fanout/NAME` in the OID namespace of RFC 9562.
    pub fn namespace(self) -> Uuid {
        Uuid::new_v5(
            &Uuid::NAMESPACE_OID,
            format!("fanout/{}", self.name()).as_bytes(),
        )
    }

    /// The point id of whatever has this id: UUIDv5 of the id's JSON text in the namespace.
    ///
    /// ```
    /// use fanout_qdrant::{Collection, Id};
    /// let (number, text) = (Id::from(1), Id::from("1"));
    /// assert_ne!(Collection::Products.point_id(&number), Collection::Products.point_id(&text));
    /// ```
    pub fn point_id(self, id: &Id) -> Uuid {
        // the namespaces are asked for at every event
        static NAMESPACES: std::sync::LazyLock<[Uuid; 4]> =
            std::sync::LazyLock::new(|| Collection::ALL.map(Collection::namespace));
        let [products, interactions, profiles, tombstones] = &*NAMESPACES;
        let namespace = match self {
            Self::Products => products,
            Self::Interactions => interactions,
            Self::Profiles => profiles,
            Self::Tombstones => tombstones,
        };
        Uuid::new_v5(namespace, id.json().as_bytes())
    }
}

/// An id that keeps its JSON type, held as its JSON text: `1` and `"1"` are different.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Arc<str>);

impl Id {
    /// The JSON text, as `serde_json` writes it: `7`, or `"p-7"` with its quotation marks.
    pub fn json(&self) -> &str {
        &self.0
    }

    /// The id whose JSON text was stored.
    pub(crate) fn from_json(text: &str) -> Self {
        Self(text.into())
    }

    /// The id as it stands in payloads: an integer or a text.
    pub(crate) fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or(serde_json::Value::Null)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.json())
    }
}

impl From<i64> for Id {
    fn from(id: i64) -> Self {
        Self(id.to_string().into())
    }
}

impl From<&str> for Id {
    fn from(id: &str) -> Self {
        Self(serde_json::Value::from(id).to_string().into())
    }
}

/// Whatever stands where an id should.
#[derive(Debug)]
pub(crate) enum RawId {
    Good(Id),
    Bad(&'static str),
}

impl RawId {
    /// The id, or why it is none.
    pub(crate) fn id(self, field: &str) -> Result<Id, Failure> {
        match self {
            Self::Good(id) => Ok(id),
            Self::Bad(why) => Err(Failure::permanent(
                codes::ID_UNSUPPORTED,
                format!("{field} {why}"),
            )),
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
        Ok(RawId::Good(id.into()))
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<RawId, E> {
        Ok(i64::try_from(id).map_or(RawId::Bad("is beyond 64 bits"), |id| RawId::Good(id.into())))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<RawId, E> {
        Ok(RawId::Bad("is no integer of 64 bits"))
    }

    fn visit_str<E: de::Error>(self, id: &str) -> Result<RawId, E> {
        Ok(if id.len() > MAX_ID_BYTES {
            RawId::Bad("has more than 4096 bytes")
        } else {
            RawId::Good(id.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn point_ids_can_be_computed_by_another_program() {
        // python: uuid5(uuid5(NAMESPACE_OID, "fanout/products"), '"p-1"')
        let ids = [Id::from("p-1"), Id::from(1), Id::from("1")];
        let points = ids.map(|id| Collection::Products.point_id(&id).to_string());
        assert_eq!(
            points,
            [
                "5e071179-a5f7-5627-a2e5-edd9b077baf4",
                "4a3ca44e-31aa-5f6a-81cf-9a20400fbc6b",
                "729576e0-b50c-5fea-8278-c74a6976a64e",
            ]
        );
        let event = Collection::Interactions.point_id(&Id::from("e\"1\u{e9}"));
        assert_eq!(event.to_string(), "655dfebd-a345-5b26-8417-21d25ebafb89");
    }

    #[test]
    fn the_value_has_the_type_of_the_id() {
        assert_eq!(Id::from(-7).value(), serde_json::json!(-7));
        assert_eq!(Id::from("-7").value(), serde_json::json!("-7"));
    }

    #[test]
    fn an_id_is_an_integer_of_64_bits_or_a_text_of_4096_bytes() {
        let long = |len| format!("\"{}\"", "x".repeat(len));
        for good in ["0", "-9223372036854775808", "\"\"", &long(4096)] {
            let raw: RawId = serde_json::from_str(good).unwrap();
            assert_eq!(raw.id("the id").unwrap().json(), good);
        }
        for bad in ["9223372036854775808", "1.0", "1e3", &long(4097)] {
            let raw: RawId = serde_json::from_str(bad).unwrap();
            assert_eq!(raw.id("the id").unwrap_err().code(), codes::ID_UNSUPPORTED);
        }
        for bad in ["true", "null", "[1]", "{}"] {
            assert!(serde_json::from_str::<RawId>(bad).is_err(), "{bad}");
        }
    }
}
