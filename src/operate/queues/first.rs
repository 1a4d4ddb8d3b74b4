//! The first message of a queue, looked at and given back.

use std::time::Duration;

use futures::StreamExt;

use crate::broker::{Broker, BrokerError, Message};

/// Another reader may have the message, or it is gone meanwhile: then nothing comes.
const READ_WITHIN: Duration = Duration::from_secs(1);

/// `None` where nothing comes. Counts as a delivery of the message.
pub(super) async fn first(
    broker: &dyn Broker,
    queue: &str,
) -> Result<Option<Message>, BrokerError> {
    let mut reading = broker.consume(queue, 1).await?;
    let next = tokio::time::timeout(READ_WITHIN, reading.deliveries.next()).await;
    reading.channel.close().await?;
    let delivery = next.ok().flatten().transpose()?;
    Ok(delivery.map(|delivery| delivery.message))
}
