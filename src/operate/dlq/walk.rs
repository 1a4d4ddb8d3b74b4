//! Reads a queue from its head without consuming it.
//!
//! A consumer that acknowledges nothing is handed as many messages as its prefetch allows;
//! the next window is another consumer, opened once this one is full and cancelled. In the
//! end the channels are closed in the order they were opened.
//!
//! A quorum queue with a delivery limit keeps what was given back in a line of its own, in the
//! order it came, and hands that out first. So whoever takes some of that line takes the rest,
//! too, before giving anything back; else the two parts would change places.
//!
//! Invariant: at most the messages that were ready at the start are read, each of them once,
//! and about [`AHEAD`] bytes are ahead of the reader, far less than the broker would send.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::error::DlqError;
use crate::broker::{Broker, BrokerError, Channel, Delivery, HeaderValue, Subscription};

/// The first window: a page is there at once, and what sizes messages have is known then.
const FIRST_WINDOW: u16 = 256;
/// Each window is so many times the one before, as far as [`AHEAD`] lets it.
const GROWS: u64 = 8;
/// Bytes that may wait to be read, judged by the mean of those seen.
const AHEAD: u64 = 8 << 20;
/// What a message takes in memory beside its texts and its body, about.
const EACH: usize = 1024;
/// The order of what was given back before is kept up to here: beyond it a look at the first
/// page would take minutes.
const LONGEST_LINE: u64 = 200_000;
/// Channels of one walk: RabbitMQ allows 2,047 on a connection.
const MOST_WINDOWS: usize = 1000;
/// A message that is ready comes within this time, or others have it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks whether what was given back is ready.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A message out of the queue, to be acknowledged or left.
#[derive(Debug)]
pub(super) struct Held {
    window: usize,
    pub(super) delivery: Delivery,
}

/// What acknowledges a message, once its body has gone on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    window: usize,
    tag: u64,
}

impl Held {
    pub(super) fn tag(&self) -> Tag {
        Tag {
            window: self.window,
            tag: self.delivery.tag,
        }
    }
}

struct Window {
    /// The stream while it is read; the channel as long as it holds something.
    deliveries: Option<Subscription>,
    channel: Arc<dyn Channel>,
    prefetch: u16,
    held: u16,
}

/// A walk through one queue. Close it: dropping it does so later.
pub(super) struct Walk {
    broker: Arc<dyn Broker>,
    queue: String,
    windows: Vec<Window>,
    first_window: u16,
    ready: u64,
    left: u64,
    seen: u64,
    bytes: u64,
    incomplete: bool,
    /// Acknowledged.
    taken: u64,
    /// What was read last had been given back before: more of that line may follow.
    in_line: bool,
}

impl Walk {
    /// Begins at the head; reads nothing yet.
    pub(super) async fn begin(broker: Arc<dyn Broker>, queue: &str) -> Result<Self, DlqError> {
        Self::begin_with(broker, queue, FIRST_WINDOW).await
    }

    /// The same, for so many at first.
    pub(super) async fn begin_with(
        broker: Arc<dyn Broker>,
        queue: &str,
        first_window: u16,
    ) -> Result<Self, DlqError> {
        let depth = broker.depth(queue).await?;
        let depth = depth.ok_or_else(|| DlqError::Missing(queue.to_owned()))?;
        Ok(Self {
            broker,
            queue: queue.to_owned(),
            windows: Vec::new(),
            first_window,
            ready: depth.ready,
            left: depth.ready,
            seen: 0,
            bytes: 0,
            incomplete: false,
            taken: 0,
            in_line: false,
        })
    }

    /// Messages ready when it began.
    pub(super) fn ready(&self) -> u64 {
        self.ready
    }

    /// Messages read.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Others hold some of what was ready, or there were more windows than can be held.
    pub(super) fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// The window is full: acknowledging something makes room without another one.
    pub(super) fn is_full(&self) -> bool {
        self.windows.last().is_some_and(Window::is_full)
    }

    /// The next message; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Held>, DlqError> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.windows.last().is_none_or(Window::is_full) && !self.open().await? {
            return Ok(None);
        }
        let window = self.windows.len().saturating_sub(1);
        let Some(last) = self.windows.last_mut() else {
            return Ok(None);
        };
        let Some(open) = last.deliveries.as_mut() else {
            return Ok(None);
        };
        let delivery = match timeout(PATIENCE, open.deliveries.next()).await {
            Ok(Some(delivery)) => delivery?,
            Ok(None) => return Err(ended().into()),
            Err(_) => {
                (self.left, self.incomplete) = (0, true);
                return Ok(None);
            }
        };
        last.held = last.held.saturating_add(1);
        self.left -= 1;
        self.seen += 1;
        self.in_line = delivery.redelivered || delivery.delivery_count.is_some_and(|n| n > 0);
        self.bytes = self.bytes.saturating_add(weight(&delivery));
        Ok(Some(Held { window, delivery }))
    }

    /// Takes a message out of the queue for ever.
    pub(super) async fn ack(&mut self, tag: Tag) -> Result<(), DlqError> {
        let Some(window) = self.windows.get_mut(tag.window) else {
            return Ok(());
        };
        window.channel.ack(tag.tag, false).await?;
        window.held = window.held.saturating_sub(1);
        self.taken += 1;
        Ok(())
    }

    /// Gives back all that was not acknowledged, in order.
    pub(super) async fn close(mut self) -> Result<(), DlqError> {
        let in_hand = self.take_the_line().await;
        let mut closed = Ok(());
        // No consumer may be left to take what the first channel gives back.
        if let Some(last) = self.windows.last_mut() {
            closed = last.cancel().await;
        }
        let until = Instant::now() + PATIENCE;
        for window in std::mem::take(&mut self.windows) {
            let before = self.broker.depth(&self.queue).await.ok().flatten();
            closed = closed.and(window.channel.close().await);
            // The ends of two channels reach the queue in no certain order.
            let expected = before.map_or(0, |depth| depth.ready + u64::from(window.held));
            self.until_ready(expected, until).await;
        }
        if closed.is_ok() && self.seen > self.taken {
            let expected = self.ready.saturating_sub(self.taken);
            self.until_ready(expected, Instant::now() + PATIENCE).await;
        }
        closed.map_err(DlqError::from).and(in_hand)
    }

    /// Reads on over what stands in line behind what was read, without keeping any of it.
    async fn take_the_line(&mut self) -> Result<(), DlqError> {
        while self.in_line && self.ready <= LONGEST_LINE && self.next().await?.is_some() {}
        Ok(())
    }

    /// What was given back is ready a moment after its channel is closed: whoever looks next
    /// shall see it.
    async fn until_ready(&mut self, expected: u64, until: Instant) {
        while Instant::now() < until {
            match self.broker.depth(&self.queue).await {
                Ok(Some(depth)) if depth.ready < expected => sleep(LOOK_EVERY).await,
                _ => return,
            }
        }
    }

    /// Another window; `false` where there are too many.
    async fn open(&mut self) -> Result<bool, DlqError> {
        if self.windows.len() >= MOST_WINDOWS {
            (self.left, self.incomplete) = (0, true);
            return Ok(false);
        }
        if let Some(last) = self.windows.last_mut() {
            // An acknowledgement would make it take what the next one shall read.
            last.cancel().await?;
        }
        let prefetch = self.next_prefetch();
        let subscription = self.broker.consume(&self.queue, prefetch).await?;
        self.windows.push(Window {
            channel: Arc::clone(&subscription.channel),
            deliveries: Some(subscription),
            prefetch,
            held: 0,
        });
        Ok(true)
    }

    fn next_prefetch(&self) -> u16 {
        let wanted = match self.windows.last() {
            None => u64::from(self.first_window),
            Some(last) => {
                let mean = (self.bytes / self.seen.max(1)).max(1);
                let fits = (AHEAD / mean).max(u64::from(FIRST_WINDOW));
                fits.min(u64::from(last.prefetch) * GROWS)
            }
        };
        u16::try_from(wanted.min(self.left).max(1)).unwrap_or(u16::MAX)
    }
}

impl Window {
    fn is_full(&self) -> bool {
        self.held >= self.prefetch
    }

    async fn cancel(&mut self) -> Result<(), BrokerError> {
        if self.deliveries.is_some() {
            self.channel.cancel().await?;
        }
        // What it has buffered stays unsettled, and goes back with its channel.
        self.deliveries = None;
        Ok(())
    }
}

impl Drop for Walk {
    /// On the way out of an error or a caller that has gone; the order is kept.
    fn drop(&mut self) {
        let windows = std::mem::take(&mut self.windows);
        if let (false, Ok(runtime)) = (windows.is_empty(), Handle::try_current()) {
            runtime.spawn(async move {
                let channels: Vec<_> = windows.into_iter().map(|w| w.channel).collect();
                if let Some(last) = channels.last() {
                    let _ = last.cancel().await;
                }
                for channel in channels {
                    let _ = channel.close().await;
                }
            });
        }
    }
}

/// What a message weighs in memory, about.
fn weight(delivery: &Delivery) -> u64 {
    let headers = delivery.message.properties.headers.values();
    let texts = headers.filter_map(HeaderValue::as_str).map(str::len);
    let bytes = texts.sum::<usize>() + delivery.message.body.len() + EACH;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn ended() -> BrokerError {
    BrokerError::ChannelClosed("while the dead letters were read".to_owned())
}
