//! What the payloads look like, in every spelling that is taken.

use fanout_contract::{Event, Failure, codes as contract};
use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;
use std::fmt;

use crate::id::RawId;

/// `view`, `cart`, `remove_from_cart`, `purchase` in all their spellings.
#[derive(Debug, Deserialize)]
pub(crate) struct Interaction {
    #[serde(rename = "userId", alias = "user_id")]
    pub(crate) user: RawId,
    #[serde(rename = "productId", alias = "product_id")]
    pub(crate) product: RawId,
}

/// `product.deleted`.
#[derive(Debug, Deserialize)]
pub(crate) struct ProductId {
    #[serde(rename = "productId", alias = "product_id")]
    pub(crate) product: RawId,
}

/// `user.deleted`.
#[derive(Debug, Deserialize)]
pub(crate) struct UserId {
    #[serde(rename = "userId", alias = "user_id")]
    pub(crate) user: RawId,
}

/// `product.upserted`: every scalar and every list of texts beside the id is kept.
#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) product: RawId,
    pub(crate) vector: Option<Vec<f32>>,
    /// In the order of the payload.
    pub(crate) properties: Vec<(String, Value)>,
}

/// Decodes the payload. Unlike the contract's own, the message has no word of the payload.
pub(crate) fn decode<T: DeserializeOwned>(event: &Event) -> Result<T, Failure> {
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

/// What a bare event says about itself, not about the product.
const NOT_PROPERTIES: [&str; 6] = [
    "event_id",
    "eventId",
    "event_type",
    "eventType",
    "event_time",
    "timestamp",
];

/// Whether the payload of a point can hold it: a scalar or a list of texts.
fn is_property(name: &str, value: &Value) -> bool {
    let held = match value {
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_string),
        Value::Null | Value::Object(_) => false,
    };
    held && !name.is_empty() && !name.starts_with('_') && !NOT_PROPERTIES.contains(&name)
}

// By hand: `#[serde(flatten)]` would copy each number of the vector twice.
impl<'de> Deserialize<'de> for Product {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ProductVisitor)
    }
}

/// By way of 64 bits: whether serde_json takes 1e39 for 32 bits depends on a feature that any
/// crate of a build may switch on.
#[allow(
    clippy::cast_possible_truncation,
    reason = "32 bits are what is stored"
)]
fn narrowed(vector: Vec<f64>) -> Vec<f32> {
    vector.into_iter().map(|x| x as f32).collect()
}

struct ProductVisitor;

impl<'de> Visitor<'de> for ProductVisitor {
    type Value = Product;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a product")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Product, A::Error> {
        let mut product = None;
        let mut vector = None;
        let mut properties: Vec<(String, Value)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "productId" | "product_id" if product.is_some() => {
                    return Err(de::Error::duplicate_field("productId"));
                }
                "productId" | "product_id" => product = Some(map.next_value()?),
                "vector" if vector.is_some() => return Err(de::Error::duplicate_field("vector")),
                "vector" => vector = Some(map.next_value::<Option<Vec<f64>>>()?.map(narrowed)),
                // ours, and what is never kept
                name if name.starts_with('_') || NOT_PROPERTIES.contains(&name) => {
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    let value = map.next_value()?;
                    if is_property(&name, &value) {
                        // the last of two of one name counts, as in other JSON objects
                        properties.retain(|(known, _)| *known != name);
                        properties.push((name, value));
                    }
                }
            }
        }
        Ok(Product {
            product: product.ok_or_else(|| de::Error::missing_field("productId"))?,
            vector: vector.flatten(),
            properties,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn properties_of_a_product_are_its_scalars_and_lists_of_texts() {
        let payload = json!({
            "productId": 7, "name": "n", "price": 9.5, "new": true, "tags": ["a", "b"],
            "vector": [0.5, 1], "mixed": ["a", 1], "nested": {"a": 1}, "gone": null,
            "empty": [], "_version": "x", "event_type": "product.upserted",
        });
        let product: Product = serde_json::from_str(&payload.to_string()).unwrap();
        let mut names: Vec<_> = product.properties.iter().map(|(n, _)| n.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["name", "new", "price", "tags"]);
        assert_eq!(product.vector, Some(vec![0.5, 1.0]));
    }

    #[test]
    fn a_vector_is_a_list_of_numbers_or_is_not_there() {
        let read = |vector: &str| {
            serde_json::from_str::<Product>(&format!(r#"{{"productId": 1, "vector": {vector}}}"#))
        };
        assert_eq!(read("null").unwrap().vector, None);
        assert_eq!(read("[]").unwrap().vector, Some(Vec::new()));
        for bad in [
            "[\"NaN\"]",
            "[null]",
            "[[1]]",
            "1",
            "\"x\"",
            "{}",
            "[1e400]",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        // beyond what 32 bits hold; refused where vectors are looked at
        assert!(read("[1e39]").unwrap().vector.unwrap()[0].is_infinite());
    }
}
