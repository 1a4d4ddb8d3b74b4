//! How long the first message of a dead-letter queue has been there.

use std::time::Duration;

use jiff::Timestamp;

use super::first::first;
use crate::broker::{Broker, BrokerError, Message};
use crate::topology::names::headers;

/// Since the first message of this dead-letter queue failed first. It is looked at and given
/// back. `None` where there is none, or it does not say.
///
/// # Errors
/// The broker cannot be asked now.
pub async fn oldest(broker: &dyn Broker, queue: &str) -> Result<Option<Duration>, BrokerError> {
    Ok(first(broker, queue).await?.as_ref().and_then(since))
}

fn since(message: &Message) -> Option<Duration> {
    let at = message.properties.headers.get(headers::FIRST_FAILED_AT)?;
    let at: Timestamp = at.as_str()?.parse().ok()?;
    Duration::try_from(Timestamp::now().duration_since(at)).ok()
}
