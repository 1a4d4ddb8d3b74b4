//! A message as a queue keeps it, and what dead-lettering writes into its headers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::broker::wire::header_bytes;
use crate::broker::{HeaderValue, Headers, Message};

/// What an entry takes in memory beside its message: tables, tags, allocations.
const ENTRY_OVERHEAD: u64 = 512;

/// Quorum queues know two levels; above this priority a message is on the higher one.
const NORMAL_PRIORITY: u8 = 4;

/// Why a queue dead-letters a message; the names are RabbitMQ's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum DeathReason {
    Expired,
    DeliveryLimit,
    MaxLength,
}

impl DeathReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::DeliveryLimit => "delivery_limit",
            Self::MaxLength => "maxlen",
        }
    }
}

/// One row of `x-death`: all deaths in one queue for one reason.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Death {
    pub(super) queue: Arc<str>,
    reason: DeathReason,
    count: i64,
    exchange: String,
    routing_key: String,
    at: u64,
    original_expiration: Option<String>,
}

/// A message in a queue.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Position: counts up over all queues, so that order of arrival can be restored.
    pub(super) id: u64,
    /// Number of the queue it belongs to; in the journal the key is this and `id`.
    pub(super) home: u32,
    pub(super) message: Arc<Message>,
    pub(super) expires_at: Option<Instant>,
    /// How often it was handed out and came back.
    pub(super) returned: u64,
    /// Newest first. Kept beside the headers, since a publisher may write anything there.
    pub(super) deaths: Vec<Death>,
}

impl Entry {
    pub(super) fn bytes(&self) -> u64 {
        u64::try_from(self.message.body.len()).unwrap_or(u64::MAX)
    }

    /// Roughly what it takes in memory.
    pub(super) fn cost(&self) -> u64 {
        let headers = u64::try_from(header_bytes(&self.message.properties)).unwrap_or(u64::MAX);
        self.bytes()
            .saturating_add(headers)
            .saturating_add(ENTRY_OVERHEAD)
    }

    /// Whether a quorum queue prefers it.
    pub(super) fn is_high(&self) -> bool {
        self.message.properties.priority.unwrap_or(0) > NORMAL_PRIORITY
    }

    /// The message as the dead-letter route receives it.
    pub(super) fn died(&self, queue: &Arc<str>, reason: DeathReason) -> (Message, Vec<Death>) {
        let mut message = Message::clone(&self.message);
        let original_expiration = match reason {
            DeathReason::Expired => message.properties.expiration.take(),
            DeathReason::DeliveryLimit | DeathReason::MaxLength => None,
        };
        let mut deaths = self.deaths.clone();
        let known = deaths
            .iter()
            .position(|d| d.queue == *queue && d.reason == reason);
        let earlier = known.map_or(0, |at| deaths.remove(at).count);
        deaths.insert(
            0,
            Death {
                queue: Arc::clone(queue),
                reason,
                count: earlier + 1,
                exchange: self.message.exchange.clone(),
                routing_key: self.message.routing_key.clone(),
                at: u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0),
                original_expiration,
            },
        );
        write_headers(&mut message.properties.headers, &deaths);
        (message, deaths)
    }
}

fn write_headers(headers: &mut Headers, deaths: &[Death]) {
    let rows = deaths.iter().map(Death::to_header).collect();
    headers.insert("x-death".to_owned(), HeaderValue::List(rows));
    for (position, death) in [("first", deaths.last()), ("last", deaths.first())] {
        let Some(death) = death else { continue };
        for (what, value) in [
            ("queue", &*death.queue),
            ("reason", death.reason.as_str()),
            ("exchange", death.exchange.as_str()),
        ] {
            let name = format!("x-{position}-death-{what}");
            // The first death stays what it was, also when its row has moved to the front.
            if position == "last" || !headers.contains_key(&name) {
                headers.insert(name, HeaderValue::from(value));
            }
        }
    }
}

impl Death {
    fn to_header(&self) -> HeaderValue {
        let keys = vec![HeaderValue::from(self.routing_key.as_str())];
        let mut row = Headers::from([
            ("count".to_owned(), HeaderValue::Int(self.count)),
            ("reason".to_owned(), HeaderValue::from(self.reason.as_str())),
            ("queue".to_owned(), HeaderValue::from(&*self.queue)),
            ("time".to_owned(), HeaderValue::Timestamp(self.at)),
            (
                "exchange".to_owned(),
                HeaderValue::from(self.exchange.as_str()),
            ),
            ("routing-keys".to_owned(), HeaderValue::List(keys)),
        ]);
        if let Some(expiration) = &self.original_expiration {
            row.insert(
                "original-expiration".to_owned(),
                HeaderValue::from(expiration.as_str()),
            );
        }
        HeaderValue::Table(row)
    }
}
