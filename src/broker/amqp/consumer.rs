//! A consumer on a channel of its own, and the settling of what it hands out.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{FieldTable, ShortString};
use tokio::runtime::Handle;

use super::convert;
use super::error::{self, within};
use super::link::Link;
use crate::broker::{BrokerError, Channel, Delivery, Subscription};

/// What a consumer is opened with.
pub(super) struct Request<'a> {
    pub(super) queue: &'a str,
    pub(super) prefetch: u16,
    /// The queue counts deliveries.
    pub(super) counts: bool,
    pub(super) deadline: Duration,
    /// Set when the stream ends unasked: the queue may be gone.
    pub(super) suspicion: Arc<AtomicBool>,
}

/// Opens a channel, bounds it, consumes.
pub(super) async fn open(link: &Link, request: Request<'_>) -> Result<Subscription, BrokerError> {
    let deadline = request.deadline;
    let queue =
        convert::short("the name of the queue", request.queue).map_err(BrokerError::NotFound)?;
    let channel = link.channel(deadline).await?;
    let mut unclaimed = Unclaimed(Some(channel.clone()));
    // Before the consumer: it is the only bound on what lapin buffers, and 0 would be none.
    within(
        deadline,
        channel.basic_qos(request.prefetch.max(1), BasicQosOptions::default()),
    )
    .await?;
    let consumer = within(
        deadline,
        channel.basic_consume(
            queue,
            ShortString::default(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        ),
    )
    .await?;
    unclaimed.0 = None;
    let asked = Arc::new(AtomicBool::new(false));
    let settling = AmqpChannel {
        channel: channel.clone(),
        consumer: consumer.tag(),
        deadline,
        asked: Arc::clone(&asked),
    };
    let deliveries = Deliveries {
        consumer: Some(consumer),
        _channel: channel,
        counts: request.counts,
        asked,
        suspicion: request.suspicion,
    };
    Ok(Subscription {
        deliveries: deliveries.boxed(),
        channel: Arc::new(settling),
    })
}

/// Closes a channel whose consumer nobody takes, because the caller has gone or the deadline
/// has passed: dropping all handles does not, and its consumer would take messages for ever.
struct Unclaimed(Option<lapin::Channel>);

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let (Some(channel), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move { channel.close(200, "OK".into()).await });
        }
    }
}

/// The stream of one consumer; fused at its first error or end.
struct Deliveries {
    consumer: Option<lapin::Consumer>,
    /// Dropping the last handle would close the channel under those who still settle.
    _channel: lapin::Channel,
    counts: bool,
    asked: Arc<AtomicBool>,
    suspicion: Arc<AtomicBool>,
}

impl Stream for Deliveries {
    type Item = Result<Delivery, BrokerError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(consumer) = self.consumer.as_mut() else {
            return Poll::Ready(None);
        };
        let next = match consumer.poll_next_unpin(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(delivery))) => {
                return Poll::Ready(Some(Ok(convert::delivery(delivery, self.counts))));
            }
            Poll::Ready(Some(Err(e))) => Some(Err(error::broker(&e))),
            Poll::Ready(None) => None,
        };
        self.consumer = None;
        if !self.asked.load(Ordering::Relaxed) {
            self.suspicion.store(true, Ordering::Relaxed);
        }
        Poll::Ready(next)
    }
}

struct AmqpChannel {
    channel: lapin::Channel,
    consumer: ShortString,
    deadline: Duration,
    /// We cancelled or closed it ourselves.
    asked: Arc<AtomicBool>,
}

impl Channel for AmqpChannel {
    fn ack(&self, tag: u64, multiple: bool) -> BoxFuture<'_, Result<(), BrokerError>> {
        // Not through `Acker`: that one spawns a task per message and loses the order.
        let call = self.channel.basic_ack(tag, BasicAckOptions { multiple });
        within(self.deadline, call).boxed()
    }

    fn requeue(&self, tag: u64) -> BoxFuture<'_, Result<(), BrokerError>> {
        // nack, not reject: from RabbitMQ 4.3 only reject counts towards the delivery limit.
        let options = BasicNackOptions {
            multiple: false,
            requeue: true,
        };
        within(self.deadline, self.channel.basic_nack(tag, options)).boxed()
    }

    fn cancel(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.asked.store(true, Ordering::Relaxed);
        let call = self
            .channel
            .basic_cancel(self.consumer.clone(), BasicCancelOptions::default());
        within(self.deadline, call).boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.asked.store(true, Ordering::Relaxed);
        within(self.deadline, self.channel.close(200, "OK".into())).boxed()
    }

    fn give_back(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        let all = BasicNackOptions {
            multiple: true,
            requeue: true,
        };
        async move {
            // Else the consumer would be handed the same again.
            self.cancel().await?;
            // Tag 0 stands for all, also for what the stream has not handed out.
            within(self.deadline, self.channel.basic_nack(0, all)).await?;
            self.close().await
        }
        .boxed()
    }
}
