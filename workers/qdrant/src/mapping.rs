//! From events to what they change: pure, so that it is tested without a server.

use fanout_contract::{Event, Failure, SkipReason, When, version};
use jiff::Timestamp;
use serde_json::Value;

use crate::config::Weights;
use crate::id::Id;
use crate::payload::{Interaction as RawInteraction, Product, ProductId, UserId, decode};
use crate::vector;

/// What an event changes.
///
/// | kind | changes |
/// |---|---|
/// | `product.viewed`, `view` and kin | a point in `interactions`, and the user's profile |
/// | `product.upserted` | the product's point, replaced as a whole by a newer version |
/// | `product.deleted` | the product's point: nothing but id and version, no vector |
/// | `user.deleted` | all points of the user are gone for good; later interactions are skipped as older |
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    Interaction(Interaction),
    Product(ProductState),
    UserDeleted(Id),
}

/// Something that a user did with a product.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Interaction {
    pub(crate) event: Id,
    pub(crate) user: Id,
    pub(crate) product: Id,
    pub(crate) kind: &'static str,
    pub(crate) weight: f64,
    pub(crate) when: When,
}

/// A version of a product.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProductState {
    pub(crate) id: Id,
    pub(crate) version: String,
    /// `None`: deleted.
    pub(crate) content: Option<ProductContent>,
    pub(crate) clamped: bool,
}

/// What a product that is not deleted has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProductContent {
    /// As it was given, at length one.
    pub(crate) vector: Option<Vec<f32>>,
    pub(crate) properties: Vec<(String, Value)>,
}

/// What becomes of an event.
#[derive(Clone, Debug)]
pub(crate) enum Mapped {
    Change(Change),
    Skip(SkipReason),
    Fail(Failure),
}

/// The kinds of events that the processor knows, each with its other names.
pub const KINDS: &[&[&str]] = &[
    &["product.viewed", "view"],
    &["product.carted", "cart"],
    &["product.uncarted", "remove_from_cart"],
    &["product.purchased", "purchase"],
    &["product.upserted"],
    &["product.deleted"],
    &["user.deleted"],
];

/// What this event changes. Never panics, whatever the payload.
pub(crate) fn map(event: &Event, weights: &Weights, now: Timestamp) -> Mapped {
    let mapped = match event.kind() {
        "product.viewed" | "view" => interaction(event, "product.viewed", weights, now),
        "product.carted" | "cart" => interaction(event, "product.carted", weights, now),
        "product.uncarted" | "remove_from_cart" => {
            interaction(event, "product.uncarted", weights, now)
        }
        "product.purchased" | "purchase" => interaction(event, "product.purchased", weights, now),
        "product.upserted" => product(event, now),
        "product.deleted" => product_deleted(event, now),
        "user.deleted" => user_deleted(event),
        _ => return Mapped::Skip(SkipReason::NotMine),
    };
    mapped.map_or_else(Mapped::Fail, Mapped::Change)
}

fn interaction(
    event: &Event,
    kind: &'static str,
    weights: &Weights,
    now: Timestamp,
) -> Result<Change, Failure> {
    let payload: RawInteraction = decode(event)?;
    Ok(Change::Interaction(Interaction {
        event: event.id().as_str().into(),
        user: payload.user.id("the user id")?,
        product: payload.product.id("the product id")?,
        kind,
        weight: weights.of(kind).unwrap_or_default(),
        when: When::of(event, now),
    }))
}

fn product(event: &Event, now: Timestamp) -> Result<Change, Failure> {
    let payload: Product = decode(event)?;
    let vector = payload.vector.as_deref().map(vector::checked).transpose()?;
    let when = When::of(event, now);
    Ok(Change::Product(ProductState {
        id: payload.product.id("the product id")?,
        version: version(event, when),
        content: Some(ProductContent {
            vector,
            properties: payload.properties,
        }),
        clamped: when.clamped,
    }))
}

fn product_deleted(event: &Event, now: Timestamp) -> Result<Change, Failure> {
    let payload: ProductId = decode(event)?;
    let when = When::of(event, now);
    Ok(Change::Product(ProductState {
        id: payload.product.id("the product id")?,
        version: version(event, when),
        content: None,
        clamped: when.clamped,
    }))
}

fn user_deleted(event: &Event) -> Result<Change, Failure> {
    let payload: UserId = decode(event)?;
    payload.user.id("the user id").map(Change::UserDeleted)
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
