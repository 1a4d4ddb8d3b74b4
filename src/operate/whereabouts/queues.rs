//! Retry stages and dead letters, looked through for one event. Takes nothing: what was seen
//! is given back, and does not count against an event once it is back in its own queue.
//!
//! Main and suspect queues are not looked into: a message that is given back counts as
//! delivered once more, which is how a crash looks to whoever consumes there.

use std::sync::Arc;
use std::time::Duration;

use fanout_contract::EventId;
use futures::StreamExt;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::broker::{Broker, BrokerError, Channel, Delivery, HeaderValue, Headers, Message};
use crate::codec::Codec;
use crate::topology::names::headers;

/// For one queue, however long it is.
const LOOK_WITHIN: Duration = Duration::from_secs(20);
/// Without a message for so long the rest is in other hands.
const IDLE: Duration = Duration::from_secs(1);
/// Header of the broker's own dead-lettering.
const X_DEATH: &str = "x-death";

/// A message of the event that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Name of the queue it waits in.
    pub queue: String,
    /// What that queue is for: `retry` or `dead-letter`.
    pub role: &'static str,
    /// The queue it failed in.
    pub origin: Option<String>,
    /// Which attempt comes next, or was the last.
    pub attempt: Option<i64>,
    /// Why it failed last: a reason code, or what the broker calls it (`expired`).
    pub reason: Option<String>,
    /// The same for people.
    pub error: Option<String>,
    /// When it failed first, RFC 3339.
    pub first_failed_at: Option<String>,
}

/// What a look through a queue has brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Messages of the event.
    pub found: Vec<Found>,
    /// How many messages were looked at.
    pub looked_at: u64,
    /// How many were ready when it began.
    pub ready: u64,
}

/// Looks through a retry stage or dead-letter queue, from its head, at `limit` messages at
/// most, for 20 s at most. `None` where the queue does not exist.
///
/// # Errors
/// The broker cannot be asked now. *Cancellation*: what was seen is given back all the same.
pub async fn look(
    broker: &dyn Broker,
    codec: &Codec,
    (queue, role): (&str, &'static str),
    id: &EventId,
    limit: u16,
) -> Result<Option<Look>, BrokerError> {
    let Some(depth) = broker.depth(queue).await? else {
        return Ok(None);
    };
    let mut look = Look {
        ready: depth.ready,
        ..Look::default()
    };
    let most = depth.ready.min(limit.into());
    if most == 0 {
        return Ok(Some(look));
    }
    let over = Instant::now() + LOOK_WITHIN;
    let consuming = timeout_at(over, broker.consume(queue, limit)).await;
    let mut seen = consuming.unwrap_or(Err(BrokerError::TimedOut(LOOK_WITHIN)))?;
    let held = Held(Some(Arc::clone(&seen.channel)));
    while look.looked_at < most && Instant::now() < over {
        let next = timeout(IDLE, seen.deliveries.next()).await;
        let Ok(Some(delivery)) = next else { break };
        let Delivery { message, .. } = delivery?;
        look.looked_at += 1;
        if is(&message, codec, id) {
            look.found.push(found(queue, role, &message));
        }
    }
    held.give_back().await;
    Ok(Some(look))
}

/// Gives back what was seen, also where the caller has gone.
struct Held(Option<Arc<dyn Channel>>);

impl Held {
    async fn give_back(mut self) {
        if let Some(channel) = self.0.take() {
            // It is closed by the broker's own means where this fails.
            let _ = channel.give_back().await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let (Some(channel), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move { channel.give_back().await });
        }
    }
}

/// The id of the event, as a worker would read it.
fn is(message: &Message, codec: &Codec, id: &EventId) -> bool {
    if message.properties.message_id.as_deref() == Some(id.as_str()) {
        return true;
    }
    let decoded = codec.decode(message);
    decoded.is_ok_and(|decoded| decoded.event.id() == id)
}

fn found(queue: &str, role: &'static str, message: &Message) -> Found {
    let given = &message.properties.headers;
    let text = |name: &str| given.get(name)?.as_str().map(str::to_owned);
    let death = |field: &str| last_death(given, field);
    Found {
        queue: queue.to_owned(),
        role,
        origin: text(headers::ORIGIN_QUEUE).or_else(|| death("queue")),
        attempt: given.get(headers::ATTEMPT).and_then(HeaderValue::as_int),
        reason: text(headers::REASON).or_else(|| death("reason")),
        error: text(headers::ERROR),
        first_failed_at: text(headers::FIRST_FAILED_AT),
    }
}

/// The broker keeps the newest of its dead-letterings first.
fn last_death(given: &Headers, field: &str) -> Option<String> {
    let HeaderValue::List(deaths) = given.get(X_DEATH)? else {
        return None;
    };
    let HeaderValue::Table(death) = deaths.first()? else {
        return None;
    };
    death.get(field)?.as_str().map(str::to_owned)
}
