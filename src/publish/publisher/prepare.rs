//! What every message gets on its way in, and what is refused before it can do harm.

use jiff::Timestamp;
use uuid::Uuid;

use super::draft::Draft;
use crate::broker::wire::{self, Limits};
use crate::broker::{Message, PublishError};
use crate::config::Config;

/// Priority of what goes first. Quorum queues of RabbitMQ 4 know two levels, and above 4 is
/// the high one; classic ones with `x-max-priority` take up to that.
const FIRST: u8 = 9;
/// Largest properties and headers, bytes on the wire: the frame that RabbitMQ agrees to by
/// default, less what dead-lettering may add. A smaller one is found out by the broker.
const HEADERS: usize = (128 - 8) * 1024;

#[derive(Debug)]
pub(super) struct Preparer {
    first_kinds: Vec<String>,
    max_body: usize,
    exchange: String,
    source: String,
}

impl Preparer {
    pub(super) fn new(config: &Config) -> Self {
        let exchange = config.exchanges.first().map(|e| e.name.clone());
        Self {
            first_kinds: config.publisher.first_kinds.clone(),
            max_body: config.broker.max_message_bytes,
            exchange: exchange.unwrap_or_default(),
            source: config.publisher.source.clone(),
        }
    }

    pub(super) fn message(&self, event: Draft) -> Message {
        event.into_message(&self.exchange, &self.source)
    }

    /// Gives it an id, a time, a priority and persistence, where it lacks them.
    ///
    /// # Errors
    /// No broker takes it: it would only be set aside.
    pub(super) fn prepare(&self, message: &mut Message) -> Result<(), PublishError> {
        let properties = &mut message.properties;
        if properties.message_id.as_deref().is_none_or(str::is_empty) {
            properties.message_id = Some(Uuid::now_v7().to_string());
        }
        if properties.timestamp.is_none() {
            properties.timestamp = u64::try_from(Timestamp::now().as_second()).ok();
        }
        properties.persistent = true;
        if properties.priority.is_none() {
            let kind = properties.kind.as_deref().unwrap_or_default();
            let first = self.first_kinds.iter().any(|name| name == kind);
            properties.priority = first.then_some(FIRST);
        }
        let user = message.properties.user_id.clone().unwrap_or_default();
        let limits = Limits {
            user: &user,
            body: self.max_body,
            headers: HEADERS,
        };
        wire::check(message, limits)
    }
}
