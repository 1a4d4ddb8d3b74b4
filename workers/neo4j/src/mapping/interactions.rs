//! The default mapping: what users did with products, the products, and their end.

use fanout_contract::{Event, Failure, SkipReason, When, version};
use jiff::Timestamp;
use uuid::Uuid;

use super::payload::{Interaction, Product, ProductId, UserId, decode};
use super::{Effect, Mapped, Mapping};
use crate::cypher;
use crate::statement::Statement;
use crate::value::Value;

/// Users, products and four kinds of relationships between them.
///
/// | kind | writes |
/// |---|---|
/// | `product.viewed`, `view` | `VIEWED` |
/// | `product.carted`, `cart` | `CARTED` |
/// | `product.uncarted`, `remove_from_cart` | `UNCARTED` |
/// | `product.purchased`, `purchase` | `PURCHASED` |
/// | `product.upserted` | the product's properties, replaced as a whole by a newer version |
/// | `product.deleted` | a product with nothing but id and `_version`, label `Deleted`; relationships stay, their counts are facts about users |
/// | `user.deleted` | a user with nothing but the id, label `Deleted`; final, later interactions are skipped as older |
///
/// An interaction that says price, `category_id`, `category_code` or brand sets these of a
/// product that no `product.upserted` or `product.deleted` has spoken of, whichever came first:
/// of each property the value of the newest interaction that has one.
///
/// Anything else is not ours. Ids are integers or texts and keep their type. A missing time
/// is the time of arrival; one beyond tomorrow counts as tomorrow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Interactions;

/// The kinds of events that [`Interactions`] knows, each with its other names.
pub const KINDS: &[&[&str]] = &[
    &["product.viewed", "view"],
    &["product.carted", "cart"],
    &["product.uncarted", "remove_from_cart"],
    &["product.purchased", "purchase"],
    &["product.upserted"],
    &["product.deleted"],
    &["user.deleted"],
];

// Places in `cypher::INTERACTIONS`.
const VIEWED: usize = 0;
const CARTED: usize = 1;
const UNCARTED: usize = 2;
const PURCHASED: usize = 3;
const PRODUCT: usize = 4;
const USER_DELETED: usize = 5;
const PRODUCT_SEEN: usize = 6;

/// The product's own id, and what a bare event says about itself.
const NOT_PROPERTIES: [&str; 7] = [
    "id",
    "event_id",
    "eventId",
    "event_type",
    "eventType",
    "event_time",
    "timestamp",
];

impl Mapping for Interactions {
    fn statements(&self) -> &[Statement] {
        &cypher::INTERACTIONS
    }

    fn map(&self, event: &Event, now: Timestamp) -> Mapped {
        let mapped = match event.kind() {
            "product.viewed" | "view" => interaction(event, VIEWED, now),
            "product.carted" | "cart" => interaction(event, CARTED, now),
            "product.uncarted" | "remove_from_cart" => interaction(event, UNCARTED, now),
            "product.purchased" | "purchase" => interaction(event, PURCHASED, now),
            "product.upserted" => product(event, now),
            "product.deleted" => product_deleted(event, now),
            "user.deleted" => user_deleted(event),
            _ => return Mapped::Skip(SkipReason::NotMine),
        };
        mapped.map_or_else(Mapped::Fail, Mapped::Write)
    }
}

fn interaction(event: &Event, statement: usize, now: Timestamp) -> Result<Effect, Failure> {
    let mut payload: Interaction = decode(event)?;
    let when = When::of(event, now);
    let of_product = payload.of_product();
    let user = payload.user.key("the user id")?;
    let product = Value::from(payload.product.key("the product id")?);
    let columns = vec![
        user.into(),
        product.clone(),
        Value::Int(1),
        Value::Time(when.at),
        Value::Time(when.at),
        payload.session.into(),
    ];
    let effect = Effect::new().row(statement, columns).clamped(when.clamped);
    Ok(match seen(event, when, product, of_product) {
        Some(row) => effect.row(PRODUCT_SEEN, row),
        None => effect,
    })
}

/// The row of what an interaction says of its product, where it says anything.
fn seen(
    event: &Event,
    when: When,
    product: Value,
    says: [Option<serde_json::Value>; 4],
) -> Option<Vec<Value>> {
    // as CSV files have it, an empty text says nothing
    let says = says.map(|json| json.and_then(scalar).filter(|v| *v != Value::from("")));
    if says.iter().all(Option::is_none) {
        return None;
    }
    let mut row = vec![product, Value::Text(mark(event, when))];
    row.extend(says.into_iter().map(Value::from));
    row.push(Value::Null);
    Some(row)
}

/// When an interaction happened, as text that sorts so; the event's id tells those of one
/// instant apart. Half as long as a version: there is one in each row.
fn mark(event: &Event, when: When) -> String {
    // flipping the sign bit makes the order of i64 that of u64
    let micros = when.at.as_microsecond().cast_unsigned() ^ (1 << 63);
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, event.id().as_str().as_bytes());
    format!("{micros:016x}{:016x}", id.as_u64_pair().0)
}

fn product(event: &Event, now: Timestamp) -> Result<Effect, Failure> {
    let payload: Product = decode(event)?;
    let when = When::of(event, now);
    let properties = payload.rest.into_iter().filter_map(property).collect();
    let columns = vec![
        payload.product.key("the product id")?.into(),
        Value::Text(version(event, when)),
        Value::Map(properties),
    ];
    Ok(Effect::new().row(PRODUCT, columns).clamped(when.clamped))
}

fn product_deleted(event: &Event, now: Timestamp) -> Result<Effect, Failure> {
    let payload: ProductId = decode(event)?;
    let when = When::of(event, now);
    let columns = vec![
        payload.product.key("the product id")?.into(),
        Value::Text(version(event, when)),
        Value::Null,
    ];
    Ok(Effect::new().row(PRODUCT, columns).clamped(when.clamped))
}

fn user_deleted(event: &Event) -> Result<Effect, Failure> {
    let payload: UserId = decode(event)?;
    Ok(Effect::new().row(USER_DELETED, vec![payload.user.key("the user id")?.into()]))
}

/// A property Neo4j can hold: a scalar or a list of texts. What cannot be one (objects,
/// vectors, other lists) is left out, and so is what begins with `_`, which is ours.
fn property((name, value): (String, serde_json::Value)) -> Option<(String, Value)> {
    use serde_json::Value as Json;
    if name.is_empty() || name.starts_with('_') || NOT_PROPERTIES.contains(&name.as_str()) {
        return None;
    }
    let value = match value {
        Json::Array(items) if !items.is_empty() => {
            let texts = items.into_iter().map(|item| match item {
                Json::String(s) => Some(Value::Text(s)),
                _ => None,
            });
            Value::List(texts.collect::<Option<_>>()?)
        }
        value => scalar(value)?,
    };
    Some((name, value))
}

fn scalar(json: serde_json::Value) -> Option<Value> {
    use serde_json::Value as Json;
    match json {
        Json::Bool(b) => Some(Value::Bool(b)),
        Json::Number(n) => match n.as_i64() {
            Some(integer) => Some(Value::Int(integer)),
            None => n.as_f64().map(Value::Float),
        },
        Json::String(s) => Some(Value::Text(s)),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
#[path = "interactions_tests.rs"]
mod tests;
