//! Publishing with confirms: the callers' side.
//!
//! What would close the channel or the connection, and with it the confirms of innocent
//! neighbours, is refused here: what [`wire`] refuses, and exchanges that do not exist.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::BasicProperties;
use lapin::types::ShortString;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::convert::{self, short};
use super::link::Link;
use super::publish_task;
use super::side::Side;
use crate::broker::wire::{self, Limits};
use crate::broker::{BrokerError, Message, PublishError};
use crate::config::BrokerConfig;

/// Part of a frame kept free: what the broker adds when it dead-letters (`x-death` and its
/// kin) and our own header must fit in too, or the message can never be delivered again.
const HEADROOM: usize = 8 * 1024;

/// A message on its way to the confirm channel.
pub(super) struct Job {
    pub(super) id: i64,
    pub(super) exchange: ShortString,
    pub(super) routing_key: ShortString,
    pub(super) properties: BasicProperties,
    pub(super) body: bytes::Bytes,
    pub(super) reply: oneshot::Sender<Result<(), PublishError>>,
}

/// The publisher of one epoch.
pub(super) struct Publisher {
    jobs: mpsc::Sender<Job>,
    next_id: AtomicI64,
    known_exchanges: Mutex<HashSet<String>>,
    side: Arc<Side>,
    user: String,
    max_body: usize,
    max_headers: usize,
    deadline: Duration,
}

impl Publisher {
    /// Starts the task that owns the confirm channel; it ends with `lost`.
    pub(super) async fn start(
        link: Arc<Link>,
        side: Arc<Side>,
        user: &str,
        config: &BrokerConfig,
        lost: CancellationToken,
    ) -> Result<Self, BrokerError> {
        let (jobs, queue) = mpsc::channel(config.confirm_window.max(1));
        let frame = link.frame_max();
        publish_task::spawn(link, queue, config, lost).await?;
        Ok(Self {
            jobs,
            next_id: AtomicI64::new(1),
            known_exchanges: Mutex::default(),
            side,
            user: user.to_owned(),
            max_body: config.max_message_bytes,
            max_headers: frame - HEADROOM.min(frame / 4),
            deadline: config.confirm_timeout,
        })
    }

    /// Resolves with the confirm, or at the deadline.
    pub(super) async fn publish(&self, message: Message) -> Result<(), PublishError> {
        match timeout(self.deadline, self.submit(message)).await {
            Ok(result) => result,
            Err(_) => Err(PublishError::TimedOut(self.deadline)),
        }
    }

    async fn submit(&self, message: Message) -> Result<(), PublishError> {
        let (reply, confirmed) = oneshot::channel();
        let job = self.job(message, reply)?;
        self.know(job.exchange.as_str()).await?;
        if self.jobs.send(job).await.is_err() {
            return Err(lost());
        }
        let result = confirmed.await.unwrap_or_else(|_| Err(lost()));
        if let Err(PublishError::NoExchange(exchange)) = &result {
            self.known_exchanges().remove(exchange);
        }
        result
    }

    fn known_exchanges(&self) -> MutexGuard<'_, HashSet<String>> {
        self.known_exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn job(
        &self,
        message: Message,
        reply: oneshot::Sender<Result<(), PublishError>>,
    ) -> Result<Job, PublishError> {
        let limits = Limits {
            user: &self.user,
            body: self.max_body,
            headers: self.max_headers,
        };
        wire::check(&message, limits)?;
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let invalid = PublishError::Invalid;
        Ok(Job {
            id,
            exchange: short("the exchange", &message.exchange).map_err(invalid)?,
            routing_key: short("the routing key", &message.routing_key).map_err(invalid)?,
            properties: convert::outgoing(&message.properties, id).map_err(invalid)?,
            body: message.body,
            reply,
        })
    }

    /// Publishing to an exchange that does not exist closes the channel, and nobody knows what
    /// became of everything else on its way: so each is looked up once.
    async fn know(&self, exchange: &str) -> Result<(), PublishError> {
        if exchange.is_empty() || self.known_exchanges().contains(exchange) {
            return Ok(());
        }
        match self.side.exchange_exists(exchange).await {
            Ok(true) => {
                self.known_exchanges().insert(exchange.to_owned());
                Ok(())
            }
            Ok(false) => Err(PublishError::NoExchange(exchange.to_owned())),
            Err(BrokerError::AccessRefused(text)) => Err(PublishError::AccessRefused(text)),
            Err(e) => Err(PublishError::NotConnected(e.to_string())),
        }
    }
}

/// Whether the message has arrived, nobody knows.
fn lost() -> PublishError {
    PublishError::NotConnected("the connection was lost".to_owned())
}
