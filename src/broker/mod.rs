//! The seam between the engine and a message broker: consume, publish with confirm, settle.
//!
//! `amqp` speaks AMQP 0.9.1 to RabbitMQ and is the only place that knows lapin; `local` is
//! the same semantics inside the process. Both are held to one conformance suite.
//!
//! Invariant: a [`Subscription`] is one channel of one connection. Its tags mean nothing
//! anywhere else; when its stream ends, all that is unsettled will be delivered again.

pub mod amqp;
pub mod local;
mod message;
#[cfg(test)]
pub(crate) mod publish_only;
#[cfg(test)]
pub(crate) mod strategies;
pub(crate) mod wire;

pub use message::{Delivery, HeaderValue, Headers, Message, Properties};

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A consumer on a channel of its own.
pub struct Subscription {
    /// Deliveries in order. Ends (`None`) when the broker cancels the consumer, the channel
    /// or the connection is lost, or [`Channel::cancel`] has taken effect; what was buffered
    /// by then may still come. An error is followed by the end.
    pub deliveries: BoxStream<'static, Result<Delivery, BrokerError>>,
    /// Settles what the stream handed out.
    pub channel: Arc<dyn Channel>,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subscription")
    }
}

/// Settles deliveries on the channel that received them. Every call has a deadline inside.
pub trait Channel: Send + Sync + 'static {
    /// Acknowledges `tag`, with `multiple` everything unsettled up to and including it.
    /// The tag itself must be outstanding, else the broker closes the channel (406).
    fn ack(&self, tag: u64, multiple: bool) -> BoxFuture<'_, Result<(), BrokerError>>;

    /// Gives `tag` back to its queue.
    fn requeue(&self, tag: u64) -> BoxFuture<'_, Result<(), BrokerError>>;

    /// Asks the broker to stop delivering. What is unsettled stays ours to settle.
    fn cancel(&self) -> BoxFuture<'_, Result<(), BrokerError>>;

    /// Closes the channel; the broker gives back what is unsettled, as after a crash.
    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>>;

    /// Ends the consumer, gives back all that is unsettled and closes the channel: for whoever
    /// has only looked. What goes back with a closed channel is a failed delivery to RabbitMQ
    /// 4, and their count goes along when a message is dead-lettered into another queue; what
    /// goes back like this is none. A broker that carries no counts along just closes.
    fn give_back(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.close()
    }
}

/// A message broker.
pub trait Broker: Send + Sync + 'static {
    /// Opens a consumer with this prefetch on a channel of its own, declaring or verifying
    /// the topology first where it may have gone. Waits for the connection as long as the
    /// caller does; cancel by dropping.
    ///
    /// # Errors
    /// What waiting cannot mend: refused access, a queue that is missing or has other
    /// arguments; or the channel was lost meanwhile ([`BrokerError::is_temporary`]).
    fn consume<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>>;

    /// Publishes with `mandatory` and resolves once the broker has confirmed it. Calls may
    /// run side by side; the window of unconfirmed messages is bounded inside. Dropping the
    /// future leaves the outcome unknown.
    ///
    /// # Errors
    /// Anything else than a confirmed, routed message.
    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>>;

    /// Messages ready and consumers of a queue; `None` where the queue does not exist.
    ///
    /// # Errors
    /// The broker cannot be asked now.
    fn depth<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Option<QueueDepth>, BrokerError>>;

    /// Where the connection stands, now and from now on.
    fn status(&self) -> watch::Receiver<BrokerStatus>;

    /// Closes everything; bounded by a deadline of a few seconds.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// A broker whose queues an operator may empty.
pub trait Purge: Broker {
    /// Removes all ready messages of a queue and says how many; `None` where it does not
    /// exist. Has a deadline inside.
    ///
    /// # Errors
    /// The broker cannot be asked now, or refuses.
    fn purge<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<Option<u64>, BrokerError>>;
}

/// What a passive declaration answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// Messages ready for delivery; without those unacknowledged.
    pub ready: u64,
    /// Consumers attached.
    pub consumers: u32,
}

/// State machine of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// Never tried, or lost.
    Disconnected,
    /// An attempt is under way.
    Connecting,
    /// Connected, topology in place.
    Connected,
    /// Several attempts in a row have failed; still trying.
    Failed,
}

impl ConnectionState {
    /// Stable lower-case name for health and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Failed => "failed",
        }
    }
}

/// Where the connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerStatus {
    /// The state.
    pub state: ConnectionState,
    /// The URL in use or tried last, password masked.
    pub url: String,
    /// Counts connections: every rebuilt one is a new epoch.
    pub epoch: u64,
    /// Failed attempts in a row.
    pub failed_attempts: u32,
    /// The last error, until connected again.
    pub last_error: Option<String>,
    /// The broker has blocked publishing (memory or disk alarm), with its reason.
    pub blocked: Option<String>,
    /// An error that trying again does not mend (access refused, other queue arguments), or
    /// the configured attempts are spent: the broker is no longer tried.
    pub fatal: Option<BrokerError>,
}

/// Why the broker could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// No connection, or it was lost meanwhile.
    #[error("not connected to the broker: {0}")]
    NotConnected(String),
    /// The channel was closed, by the broker (406 and others) or with its connection.
    #[error("channel closed: {0}")]
    ChannelClosed(String),
    /// User, password, vhost or permission refused (403, 530).
    #[error("access refused: {0}")]
    AccessRefused(String),
    /// An exchange or queue that must exist does not (404).
    #[error("not found: {0}")]
    NotFound(String),
    /// An exchange or queue exists with other arguments (406 on declaration).
    #[error("exists with other arguments: {0}")]
    TopologyMismatch(String),
    /// No answer within the deadline.
    #[error("no answer from the broker within {0:?}")]
    TimedOut(Duration),
    /// All configured attempts to connect have failed.
    #[error("gave up after {attempts} attempts: {last}")]
    AttemptsExhausted {
        /// How many were made.
        attempts: u32,
        /// Error of the last one.
        last: String,
    },
}

impl BrokerError {
    /// Whether trying again may mend it.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::NotConnected(_) | Self::ChannelClosed(_) | Self::TimedOut(_)
        )
    }

    /// Stable code for logs and health.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotConnected(_) => "broker-not-connected",
            Self::ChannelClosed(_) => "broker-channel-closed",
            Self::AccessRefused(_) => "broker-access-refused",
            Self::NotFound(_) => "broker-not-found",
            Self::TopologyMismatch(_) => "broker-topology-mismatch",
            Self::TimedOut(_) => "broker-timeout",
            Self::AttemptsExhausted { .. } => "broker-attempts-exhausted",
        }
    }
}

/// Why a message is not known to be safe with the broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No queue took it (basic.return, 312).
    #[error("unroutable: no queue is bound for exchange '{exchange}' and key '{routing_key}'")]
    Unroutable {
        /// The exchange it was published to.
        exchange: String,
        /// The routing key.
        routing_key: String,
    },
    /// The exchange does not exist (404 closes the channel).
    #[error("no such exchange: '{0}'")]
    NoExchange(String),
    /// The broker refused it (basic.nack): a queue is full under `reject-publish`.
    #[error("refused by the broker: a queue is full")]
    Refused,
    /// Larger than the broker takes.
    #[error("message of {bytes} bytes is larger than the broker takes")]
    TooLarge {
        /// Size of the body.
        bytes: usize,
    },
    /// Properties and headers do not fit into one frame: the connection would be lost. The
    /// same message with fewer headers can be published.
    #[error("properties and headers of {bytes} bytes are larger than the {limit} a frame takes")]
    HeadersTooLarge {
        /// Their size on the wire.
        bytes: usize,
        /// What may be sent.
        limit: usize,
    },
    /// A property or name the protocol or the broker does not take; it never will.
    #[error("not publishable: {0}")]
    Invalid(String),
    /// No permission to publish there (403).
    #[error("access refused: {0}")]
    AccessRefused(String),
    /// The connection is away or was lost before the confirm; the outcome is unknown.
    #[error("not connected to the broker: {0}")]
    NotConnected(String),
    /// No confirm within the deadline; the outcome is unknown.
    #[error("no confirm within {0:?}")]
    TimedOut(Duration),
}

impl PublishError {
    /// Stable code for logs, health and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unroutable { .. } => "publish-unroutable",
            Self::NoExchange(_) => "publish-no-exchange",
            Self::Refused => "publish-refused",
            Self::TooLarge { .. } => "publish-too-large",
            Self::HeadersTooLarge { .. } => "publish-headers-too-large",
            Self::Invalid(_) => "publish-invalid",
            Self::AccessRefused(_) => "publish-access-refused",
            Self::NotConnected(_) => "publish-not-connected",
            Self::TimedOut(_) => "publish-timeout",
        }
    }
}
