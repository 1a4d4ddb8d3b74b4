//! Headers that belong to the transport: never part of a [`Message`](crate::broker::Message).

/// Ours: recognises a message the broker returns. Whoever publishes knows nothing of it.
pub(super) const PUBLISH_ID: &str = "fanout-publish";
/// The broker's: how often a quorum queue has handed the message out before.
pub(super) const DELIVERY_COUNT: &str = "x-delivery-count";
