//! RabbitMQ over AMQP 0.9.1, and the only place in the project that knows lapin.
//!
//! ```text
//! supervisor ─▶ epoch ─┬─ consuming link: consumers, acknowledgements, side questions
//!                      └─ publishing link: publisher task with the confirm channel
//! ```
//!
//! lapin's own recovery stays off. Invariant: everything on an epoch dies with it; nothing
//! (channel, tag, confirm) is carried over into the next one.

mod confirms;
mod consumer;
mod convert;
mod declare;
mod endpoint;
mod epoch;
mod error;
mod link;
mod names;
mod publish_task;
mod publisher;
mod side;
mod supervisor;
mod tls;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::epoch::Epoch;
use self::supervisor::{CLOSE_WITHIN, Shared};
use super::{
    Broker, BrokerError, BrokerStatus, ConnectionState, Message, PublishError, Purge, QueueDepth,
    Subscription,
};
use crate::config::{BrokerConfig, QueueType};
use crate::topology::Topology;

/// RabbitMQ.
///
/// Connects in the background and reconnects for ever, or as `config.required` says; look at
/// [`Broker::status`]. Dropping it closes the connections without waiting.
pub struct AmqpBroker {
    shared: Arc<Shared>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
    _closing: DropGuard,
}

impl std::fmt::Debug for AmqpBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = self.shared.status.borrow();
        f.debug_struct("AmqpBroker")
            .field("url", &status.url)
            .field("state", &status.state)
            .finish_non_exhaustive()
    }
}

impl AmqpBroker {
    /// Starts connecting; returns at once. Needs a running tokio runtime.
    pub fn start(config: BrokerConfig, topology: Topology) -> Self {
        let closing = CancellationToken::new();
        let (status, _) = watch::channel(BrokerStatus {
            state: ConnectionState::Disconnected,
            url: String::new(),
            epoch: 0,
            failed_attempts: 0,
            last_error: None,
            blocked: None,
            fatal: None,
        });
        let shared = Arc::new(Shared {
            config,
            topology,
            status,
            epoch: watch::Sender::new(None),
            suspicion: Arc::default(),
            closing: closing.clone(),
        });
        let supervisor = tokio::spawn(supervisor::run(Arc::clone(&shared)));
        Self {
            shared,
            supervisor: Mutex::new(Some(supervisor)),
            _closing: closing.drop_guard(),
        }
    }

    /// Waits until connected with the topology in place. Cancel by dropping.
    ///
    /// # Errors
    /// The broker is given up ([`BrokerStatus::fatal`]) or closed.
    pub async fn connected(&self) -> Result<(), BrokerError> {
        self.epoch_after(0).await?;
        let mut statuses = self.shared.status.subscribe();
        let connected = |s: &BrokerStatus| s.state == ConnectionState::Connected;
        match statuses.wait_for(connected).await {
            Ok(_) => Ok(()),
            Err(_) => Err(BrokerError::NotConnected("the broker is closed".to_owned())),
        }
    }

    /// Declares or verifies the topology again, as configured.
    ///
    /// # Errors
    /// The first refusal; or the broker cannot be asked now.
    pub async fn establish_topology(&self) -> Result<(), BrokerError> {
        self.establish(&*self.current()?).await
    }

    /// Removes all ready messages of a queue and says how many; `None` where it does not exist.
    ///
    /// # Errors
    /// The broker cannot be asked now, or refuses.
    pub async fn purge(&self, queue: &str) -> Result<Option<u64>, BrokerError> {
        self.current()?.side.purge(queue).await
    }

    /// Deletes a queue with what is in it and says how many messages that were.
    ///
    /// # Errors
    /// The broker cannot be asked now, or refuses.
    pub async fn delete_queue(&self, queue: &str) -> Result<u64, BrokerError> {
        self.current()?.side.delete(queue).await
    }

    fn current(&self) -> Result<Arc<Epoch>, BrokerError> {
        let epoch = self.shared.epoch.borrow().clone();
        epoch.ok_or_else(|| {
            let status = self.shared.status.borrow();
            let why = status.last_error.clone();
            BrokerError::NotConnected(why.unwrap_or_else(|| status.state.as_str().to_owned()))
        })
    }

    /// Waits for an epoch later than `number`.
    async fn epoch_after(&self, number: u64) -> Result<Arc<Epoch>, BrokerError> {
        let mut epochs = self.shared.epoch.subscribe();
        let mut statuses = self.shared.status.subscribe();
        let given_up = async {
            match statuses.wait_for(|status| status.fatal.is_some()).await {
                Ok(status) => status.fatal.clone(),
                Err(_) => None,
            }
        };
        let closed = || BrokerError::NotConnected("the broker is closed".to_owned());
        tokio::select! {
            biased;
            () = self.shared.closing.cancelled() => Err(closed()),
            fatal = given_up => Err(fatal.unwrap_or_else(closed)),
            epoch = epochs.wait_for(|e| e.as_ref().is_some_and(|e| e.number > number)) => {
                epoch.ok().and_then(|e| e.clone()).ok_or_else(closed)
            }
        }
    }

    async fn establish(&self, epoch: &Epoch) -> Result<(), BrokerError> {
        let Shared {
            config, topology, ..
        } = &*self.shared;
        declare::establish(
            &epoch.consuming,
            topology,
            config.topology,
            config.call_timeout,
        )
        .await
    }

    /// Opens a consumer; where the queue has gone, declares and tries once more.
    async fn consume_on(
        &self,
        epoch: &Epoch,
        queue: &str,
        prefetch: u16,
    ) -> Result<Subscription, BrokerError> {
        if self.shared.suspicion.swap(false, Ordering::Relaxed) {
            let established = self.establish(epoch).await;
            established.inspect_err(|_| self.shared.suspicion.store(true, Ordering::Relaxed))?;
        }
        match self.open_consumer(epoch, queue, prefetch).await {
            Err(BrokerError::NotFound(_)) => {
                self.establish(epoch).await?;
                self.open_consumer(epoch, queue, prefetch).await
            }
            result => result,
        }
    }

    async fn open_consumer(
        &self,
        epoch: &Epoch,
        queue: &str,
        prefetch: u16,
    ) -> Result<Subscription, BrokerError> {
        let declared = self.shared.topology.queue(queue);
        let request = consumer::Request {
            queue,
            prefetch,
            counts: declared.is_some_and(|q| q.queue_type == QueueType::Quorum),
            deadline: self.shared.config.call_timeout,
            suspicion: Arc::clone(&self.shared.suspicion),
        };
        consumer::open(&epoch.consuming, request).await
    }
}

impl Broker for AmqpBroker {
    fn consume<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        async move {
            let epoch = self.epoch_after(0).await?;
            let lost = self.epoch_after(epoch.number);
            tokio::select! {
                result = self.consume_on(&epoch, queue, prefetch) => result,
                // A call on a dead connection need not run into its own deadline.
                next = lost => match next {
                    Ok(_) => Err(BrokerError::NotConnected("the connection was lost".to_owned())),
                    Err(e) => Err(e),
                },
            }
        }
        .boxed()
    }

    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        async move {
            match self.current() {
                Ok(epoch) => epoch.publisher.publish(message).await,
                Err(e) => Err(PublishError::NotConnected(e.to_string())),
            }
        }
        .boxed()
    }

    fn depth<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Option<QueueDepth>, BrokerError>> {
        async move { self.current()?.side.depth(queue).await }.boxed()
    }

    fn status(&self) -> watch::Receiver<BrokerStatus> {
        self.shared.status.subscribe()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            self.shared.closing.cancel();
            if let Some(supervisor) = self.supervisor.lock().await.take() {
                // The supervisor keeps to its own deadline; this one is for a starved runtime.
                let _ = timeout(CLOSE_WITHIN * 2, supervisor).await;
            }
        }
        .boxed()
    }
}

impl Purge for AmqpBroker {
    fn purge<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<Option<u64>, BrokerError>> {
        self.purge(queue).boxed()
    }
}
