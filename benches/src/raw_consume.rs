//! The least a consumer can do: take deliveries and acknowledge them in batches.

use std::error::Error;
use std::time::Instant;

use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueuePurgeOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};

use crate::report::Measured;

/// Consumes `events` messages of `queue`; one acknowledgement for `ack_every` deliveries.
pub async fn run(
    url: &str,
    queue: &str,
    events: usize,
    prefetch: u16,
    ack_every: usize,
) -> Result<Measured, Box<dyn Error>> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel
        .basic_qos(prefetch, BasicQosOptions::default())
        .await?;
    let started = Instant::now();
    let mut deliveries = channel
        .basic_consume(
            queue.into(),
            "raw".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let (mut seen, mut bytes) = (0_usize, 0_usize);
    while seen < events {
        let Some(delivery) = deliveries.next().await.transpose()? else {
            break;
        };
        seen += 1;
        bytes += delivery.data.len();
        if seen.is_multiple_of(ack_every) || seen == events {
            channel
                .basic_ack(delivery.delivery_tag, BasicAckOptions { multiple: true })
                .await?;
        }
    }
    let measured = Measured::since(started, seen);
    assert!(bytes > 0, "nothing was consumed");
    connection.close(0, "done".into()).await?;
    Ok(measured)
}

/// Empties a queue.
pub async fn purge(url: &str, queue: &str) -> Result<(), Box<dyn Error>> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel
        .queue_purge(queue.into(), QueuePurgeOptions::default())
        .await?;
    connection.close(0, "done".into()).await?;
    Ok(())
}
