//! How long the first message of a dead-letter queue has been there.

use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;

use crate::broker::{Broker, BrokerError, Message};
use crate::topology::names::headers;

/// Another reader may have the message at the moment: then nothing comes.
const READ_WITHIN: Duration = Duration::from_secs(1);

/// Since the first message of this dead-letter queue failed first. It is looked at and given
/// back. `None` where there is none, or it does not say.
///
/// # Errors
/// The broker cannot be asked now.
pub async fn oldest(broker: &dyn Broker, queue: &str) -> Result<Option<Duration>, BrokerError> {
    let mut reading = broker.consume(queue, 1).await?;
    let next = tokio::time::timeout(READ_WITHIN, reading.deliveries.next()).await;
    reading.channel.close().await?;
    let delivery = next.ok().flatten().transpose()?;
    Ok(delivery.and_then(|delivery| since(&delivery.message)))
}

fn since(message: &Message) -> Option<Duration> {
    let at = message.properties.headers.get(headers::FIRST_FAILED_AT)?;
    let at: Timestamp = at.as_str()?.parse().ok()?;
    Duration::try_from(Timestamp::now().duration_since(at)).ok()
}
