//! A broker inside the process, with RabbitMQ's semantics as far as the engine can tell.
//!
//! [`LocalServer`] is the broker, [`LocalBroker`] one client's connection to it: the seam.
//! In memory it follows tokio's clock and decides by order and seed only, so that simulations
//! on paused time repeat. `queue` knows what a queue does, `state` what happens between
//! queues, connections and channels; nothing in either awaits. On disk (`open`) the same
//! logic notes its changes in the `journal`.
//!
//! Invariant: the lock around the state is never held across an await.

mod accepted;
mod channel;
mod connection;
mod delivery;
mod entry;
mod exchange;
mod faults;
mod journal;
mod open;
mod queue;
mod ready;
mod restore;
mod server;
mod settle;
mod state;
#[cfg(test)]
mod tests;

pub use faults::{Fault, FaultPlan};
pub use open::{LocalStore, OpenError, Recovery};
pub use server::{LocalServer, QueueContents};

use std::future::pending;
use std::path::Path;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{Semaphore, mpsc, watch};

use self::channel::LocalChannel;
use self::state::Published;
use super::{
    Broker, BrokerError, BrokerStatus, ConnectionState, Message, PublishError, Purge, QueueDepth,
    Subscription,
};
use crate::topology::Topology;

/// Unconfirmed publishes at most, as `BrokerConfig::confirm_window`.
const CONFIRM_WINDOW: usize = 500;

/// How long closing waits for storage; beyond it acknowledgements may be repeated.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// A connection to a [`LocalServer`]. Dropping it closes it: what its channels had not
/// settled goes back.
#[derive(Debug)]
pub struct LocalBroker {
    server: LocalServer,
    id: u64,
    status: watch::Receiver<BrokerStatus>,
    window: Semaphore,
}

impl LocalBroker {
    /// A broker of its own with this topology, and a connection to it. Must be called
    /// inside a tokio runtime.
    pub fn start(topology: Topology) -> Self {
        LocalServer::start(topology).connect()
    }

    /// A broker of its own kept in this folder, and a connection to it; see
    /// [`LocalServer::open`].
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(
        dir: impl AsRef<Path>,
        topology: Topology,
        store: LocalStore,
    ) -> Result<Self, OpenError> {
        Ok(LocalServer::open(dir, topology, store).await?.connect())
    }

    fn connect(server: LocalServer) -> Self {
        let (id, status) = server.with(|state, _| state.connect());
        Self {
            server,
            id,
            status,
            window: Semaphore::new(CONFIRM_WINDOW),
        }
    }

    /// The broker at the other end.
    pub fn server(&self) -> &LocalServer {
        &self.server
    }

    /// Loses the connection and all its channels; it is back after `downtime`, as a new epoch.
    pub fn disconnect(&self, downtime: Duration) {
        self.server.with(|state, now| {
            state.disconnect(self.id, downtime, now);
            state.run(now);
        });
    }

    /// What the broker sees of `kill -9` on the client: its channels are gone, what they had
    /// not settled goes back. What the dead client still asks is never answered, so tasks it
    /// has left behind in this process do no harm.
    pub fn kill(&self) {
        self.server
            .with(|state, now| state.remove_connection(self.id, true, now));
    }

    fn is_killed(&self) -> bool {
        self.server.with(|state, _| state.is_killed(self.id))
    }

    async fn connected(&self) -> Result<(), BrokerError> {
        let mut status = self.status.clone();
        let connected = status.wait_for(|s| s.state == ConnectionState::Connected);
        if connected.await.is_err() {
            return Err(BrokerError::NotConnected("connection closed".to_owned()));
        }
        Ok(())
    }

    async fn subscribe(&self, queue: &str, prefetch: u16) -> Result<Subscription, BrokerError> {
        self.connected().await?;
        if self.is_killed() {
            return pending().await;
        }
        let (out, mut deliveries) = mpsc::unbounded_channel();
        let channel = self
            .server
            .with(|state, now| state.consume(self.id, queue, prefetch, out, now))?;
        Ok(Subscription {
            deliveries: Box::pin(futures::stream::poll_fn(move |cx| deliveries.poll_recv(cx))),
            channel: LocalChannel::shared(self.server.clone(), self.id, channel),
        })
    }

    async fn send(&self, message: Message) -> Result<(), PublishError> {
        accepted::check(&message)?;
        // Never closed, so a permit is always given.
        let _permit = self.window.acquire().await;
        if self.is_killed() {
            return pending().await;
        }
        let confirm = self
            .server
            .with(|state, now| state.publish_from(self.id, &message, now));
        if confirm.delay.is_zero() {
            // A confirm takes a turn: what runs beside gets its chance.
            tokio::task::yield_now().await;
        } else {
            let mut status = self.status.clone();
            tokio::select! {
                biased;
                _ = status.wait_for(|s| s.epoch != confirm.epoch
                    || s.state != ConnectionState::Connected) =>
                {
                    return Err(PublishError::NotConnected("lost before the confirm".to_owned()));
                }
                () = tokio::time::sleep(confirm.delay) => {}
            }
        }
        let result = match confirm.published {
            Published::Done(result) => result,
            Published::Writing(written) => written.await.unwrap_or_else(|_| {
                let reason = "broker closed before the confirm".to_owned();
                Err(PublishError::NotConnected(reason))
            }),
        };
        if self.is_killed() {
            return pending().await;
        }
        result
    }
}

impl Broker for LocalBroker {
    fn consume<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        Box::pin(self.subscribe(queue, prefetch))
    }

    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(self.send(message))
    }

    fn depth<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Option<QueueDepth>, BrokerError>> {
        Box::pin(async move {
            if self.is_killed() {
                return pending().await;
            }
            self.server.with(|state, now| {
                state.tick(now);
                if state.epoch(self.id).is_none() {
                    return Err(BrokerError::NotConnected("no connection".to_owned()));
                }
                Ok(state.queues.get(queue).map(|slot| QueueDepth {
                    ready: u64::try_from(slot.queue.ready_len()).unwrap_or(u64::MAX),
                    consumers: u32::try_from(slot.consumers.len()).unwrap_or(u32::MAX),
                }))
            })
        })
    }

    fn status(&self) -> watch::Receiver<BrokerStatus> {
        self.status.clone()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if self.is_killed() {
                return pending().await;
            }
            self.server
                .with(|state, now| state.remove_connection(self.id, false, now));
            // What was acknowledged last shall not come again.
            let _ = tokio::time::timeout(CLOSE_DEADLINE, self.server.flushed()).await;
        })
    }
}

impl Purge for LocalBroker {
    fn purge<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<Option<u64>, BrokerError>> {
        Box::pin(async move {
            let purged = self.server.purge(queue);
            Ok(purged.map(|messages| u64::try_from(messages).unwrap_or(u64::MAX)))
        })
    }
}

impl Drop for LocalBroker {
    fn drop(&mut self) {
        self.server
            .with(|state, now| state.remove_connection(self.id, false, now));
    }
}
