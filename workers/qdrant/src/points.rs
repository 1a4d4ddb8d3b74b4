//! What stands in the collections: payload keys, and the points themselves.

use jiff::Timestamp;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::{
    DenseVector, ListValue, NamedVectors, PointId, PointStruct, Value, Vector, Vectors,
    point_id::PointIdOptions, value::Kind, vector,
};
use std::collections::HashMap;
use uuid::Uuid;

use crate::fold::Profile;
use crate::id::{Collection, Id};
use crate::mapping::{Interaction, ProductState};

/// The user's id, in its JSON type.
pub const USER_ID: &str = "user_id";
/// The product's id, in its JSON type.
pub const PRODUCT_ID: &str = "product_id";
/// JSON text of the user's id, indexed: one index holds one type only.
pub const USER_KEY: &str = "user_key";
/// JSON text of the product's id, indexed.
pub const PRODUCT_KEY: &str = "product_key";
/// Kind of an interaction, such as `product.viewed`.
pub const KIND: &str = "kind";
/// What an interaction weighs.
pub const WEIGHT: &str = "weight";
/// When it happened; of a profile, when the newest interaction happened.
pub const OCCURRED_AT: &str = "occurred_at";
/// Id of the event.
pub const EVENT_ID: &str = "event_id";
/// How many interactions a user has.
pub const INTERACTIONS: &str = "interactions";
/// True on what was deleted.
pub const DELETED: &str = "deleted";
/// Which state of the subject this is. It is compared and swapped.
pub(crate) const VERSION: &str = "_version";
/// Which event made a product what it is: the digest of its id, as in the version.
pub(crate) const EVENT: &str = "_event";
/// Digest of a product's vector; another one folds profiles anew.
pub(crate) const VECTOR: &str = "_vector";

/// Which settings a profile was folded with (`fold::make`); missing on those from before there
/// was a choice.
pub(crate) const MAKE: &str = "_make";

type Payload = HashMap<String, Value>;

fn text(text: impl Into<String>) -> Value {
    Kind::StringValue(text.into()).into_value()
}

trait IntoValue {
    fn into_value(self) -> Value;
}

impl IntoValue for Kind {
    fn into_value(self) -> Value {
        Value { kind: Some(self) }
    }
}

/// JSON as the server's own kind of value; of numbers, integers stay integers.
pub(crate) fn value(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let kind = match json {
        Json::Null | Json::Object(_) => Kind::NullValue(0),
        Json::Bool(b) => Kind::BoolValue(b),
        Json::Number(n) => match n.as_i64() {
            Some(i) => Kind::IntegerValue(i),
            None => Kind::DoubleValue(n.as_f64().unwrap_or_default()),
        },
        Json::String(s) => Kind::StringValue(s),
        Json::Array(items) => Kind::ListValue(ListValue {
            values: items.into_iter().map(value).collect(),
        }),
    };
    kind.into_value()
}

fn payload<const N: usize>(entries: [(&str, Value); N]) -> Payload {
    entries.map(|(key, value)| (key.to_owned(), value)).into()
}

fn point(id: Uuid, vector: Option<Vec<f32>>, payload: Payload) -> PointStruct {
    let options = match vector {
        Some(data) => VectorsOptions::Vector(Vector {
            vector: Some(vector::Vector::Dense(DenseVector { data })),
            ..Vector::default()
        }),
        // a point without any vector; leaving the field out is refused
        None => VectorsOptions::Vectors(NamedVectors::default()),
    };
    PointStruct {
        id: Some(point_id(id)),
        payload,
        vectors: Some(Vectors {
            vectors_options: Some(options),
        }),
    }
}

/// The id as the server takes it.
pub(crate) fn point_id(id: Uuid) -> PointId {
    PointId {
        point_id_options: Some(PointIdOptions::Uuid(id.hyphenated().to_string())),
    }
}

/// The point of an interaction.
pub(crate) fn interaction(seen: &Interaction) -> PointStruct {
    let payload = payload([
        (EVENT_ID, value(seen.event.value())),
        (USER_ID, value(seen.user.value())),
        (USER_KEY, text(seen.user.json())),
        (PRODUCT_ID, value(seen.product.value())),
        (PRODUCT_KEY, text(seen.product.json())),
        (KIND, text(seen.kind)),
        (WEIGHT, Kind::DoubleValue(seen.weight).into_value()),
        (OCCURRED_AT, text(micros(seen.when.at))),
    ]);
    point(
        Collection::Interactions.point_id(&seen.event),
        None,
        payload,
    )
}

/// When it happened, as whoever reads the point reads it.
pub(crate) fn stored_time(seen: &Interaction) -> Option<Timestamp> {
    micros(seen.when.at).parse().ok()
}

/// The point of a version of a product, with this vector.
pub(crate) fn product(state: &ProductState, vector: Option<&[f32]>) -> PointStruct {
    let mut payload = payload([
        (PRODUCT_ID, value(state.id.value())),
        (VERSION, text(state.version.as_str())),
        (EVENT, text(made_by(&state.version))),
        (VECTOR, text(digest(vector))),
    ]);
    match &state.content {
        None => {
            payload.insert(DELETED.to_owned(), Kind::BoolValue(true).into_value());
        }
        Some(content) => {
            for (name, property) in &content.properties {
                // the product's own id and what is ours stay
                payload
                    .entry(name.clone())
                    .or_insert_with(|| value(property.clone()));
            }
        }
    }
    let vector = vector.map(<[f32]>::to_vec);
    point(Collection::Products.point_id(&state.id), vector, payload)
}

/// The point of a profile of this make.
pub(crate) fn profile(user: &Id, profile: &Profile, make: &str) -> PointStruct {
    let count = i64::try_from(profile.interactions).unwrap_or(i64::MAX);
    let payload = payload([
        (USER_ID, value(user.value())),
        (INTERACTIONS, Kind::IntegerValue(count).into_value()),
        (OCCURRED_AT, text(micros(profile.newest))),
        (VERSION, text(profile.version.as_str())),
        (MAKE, text(make)),
    ]);
    let id = Collection::Profiles.point_id(user);
    point(id, Some(profile.vector.clone()), payload)
}

/// What is left of a deleted user: the id.
pub(crate) fn tombstone(user: &Id) -> PointStruct {
    let payload = payload([
        (USER_ID, value(user.value())),
        (DELETED, Kind::BoolValue(true).into_value()),
    ]);
    point(Collection::Tombstones.point_id(user), None, payload)
}

/// The digest of the event's id, with which its version ends.
fn made_by(version: &str) -> &str {
    version.rsplit_once('-').map_or("", |(_, event)| event)
}

/// The same of the event with this id, whatever its version is.
pub(crate) fn event_digest(id: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes())
        .simple()
        .to_string()
}

/// Tells two vectors apart; empty for none.
pub(crate) fn digest(vector: Option<&[f32]>) -> String {
    let Some(vector) = vector else {
        return String::new();
    };
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_be_bytes()).collect();
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &bytes).to_string()
}

/// RFC 3339 with microseconds, which is what Qdrant's datetime index keeps.
fn micros(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// Bytes of a point in a request, nearly: what a request is cut by.
pub(crate) fn size(point: &PointStruct) -> usize {
    // id, keys and tags of the message
    const FRAME: usize = 64;
    let vector = match point
        .vectors
        .as_ref()
        .and_then(|v| v.vectors_options.as_ref())
    {
        Some(VectorsOptions::Vector(Vector {
            vector: Some(vector::Vector::Dense(dense)),
            ..
        })) => 4 * dense.data.len(),
        _ => 0,
    };
    let payload: usize = point
        .payload
        .iter()
        .map(|(k, v)| k.len() + 8 + value_size(v))
        .sum();
    FRAME + vector + payload
}

fn value_size(value: &Value) -> usize {
    match &value.kind {
        Some(Kind::StringValue(text)) => text.len(),
        Some(Kind::ListValue(list)) => list.values.iter().map(|v| 4 + value_size(v)).sum(),
        _ => 8,
    }
}

/// Cuts points into requests, by number and by bytes; none is empty.
pub(crate) fn requests(
    points: Vec<PointStruct>,
    count: usize,
    bytes: usize,
) -> Vec<Vec<PointStruct>> {
    let mut requests: Vec<Vec<PointStruct>> = Vec::new();
    let mut room = 0;
    for point in points {
        let size = size(&point);
        match requests.last_mut() {
            Some(request) if request.len() < count && size <= room => {
                request.push(point);
                room -= size;
            }
            _ => {
                room = bytes.saturating_sub(size);
                requests.push(vec![point]);
            }
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::ProductContent;
    use fanout_contract::{EventBuilder, EventId, When};
    use serde_json::json;

    fn some(number: usize, text_bytes: usize) -> Vec<PointStruct> {
        let one = |n| {
            let entries = payload([("text", text("x".repeat(text_bytes)))]);
            point(Uuid::from_u128(n), None, entries)
        };
        (0..number as u128).map(one).collect()
    }

    fn lengths(requests: &[Vec<PointStruct>]) -> Vec<usize> {
        requests.iter().map(Vec::len).collect()
    }

    #[test]
    fn requests_are_cut_by_number_and_by_bytes() {
        assert_eq!(
            lengths(&requests(some(600, 1), 256, 1 << 20)),
            [256, 256, 88]
        );
        assert_eq!(lengths(&requests(some(5, 1000), 256, 2500)), [2, 2, 1]);
        // one that is too large goes alone
        assert_eq!(lengths(&requests(some(3, 1000), 256, 10)), [1, 1, 1]);
        assert!(requests(Vec::new(), 256, 10).is_empty());
    }

    #[test]
    fn a_property_of_a_product_never_takes_the_place_of_ours() {
        let state = ProductState {
            id: 7.into(),
            version: "v".to_owned(),
            content: Some(ProductContent {
                vector: None,
                properties: vec![
                    ("product_id".to_owned(), json!("other")),
                    ("price".to_owned(), json!(9.5)),
                    ("stock".to_owned(), json!(3)),
                    ("tags".to_owned(), json!(["a", "b"])),
                ],
            }),
            clamped: false,
        };
        let point = product(&state, Some(&[1.0]));
        let kind = |key: &str| point.payload[key].kind.clone().unwrap();
        assert_eq!(kind("product_id"), Kind::IntegerValue(7));
        assert_eq!(kind("price"), Kind::DoubleValue(9.5));
        assert_eq!(kind("stock"), Kind::IntegerValue(3));
        assert!(matches!(kind("tags"), Kind::ListValue(list) if list.values.len() == 2));
    }

    #[test]
    fn a_product_bears_the_digest_of_the_event_that_made_it() {
        let event = EventBuilder::new(EventId::new("e-1"), "product.deleted", "{}".into());
        let event = event.subject_version(7).build();
        let when = When::of(&event, Timestamp::UNIX_EPOCH);
        let version = fanout_contract::version(&event, when);
        assert_eq!(made_by(&version), event_digest("e-1"));
    }

    #[test]
    fn times_are_written_with_microseconds() {
        assert_eq!(micros(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000000Z");
    }
}
