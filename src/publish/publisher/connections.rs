//! Several connections to one broker that look like one.
//!
//! Any of them may take the next message: of a subject only one is on its way at a time, so
//! that nothing can overtake on another connection.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{BoxFuture, join_all};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::broker::{
    Broker, BrokerError, BrokerStatus, ConnectionState, Message, PublishError, QueueDepth,
    Subscription,
};

struct Connection {
    broker: Arc<dyn Broker>,
    status: watch::Receiver<BrokerStatus>,
}

impl Connection {
    fn is_ready(&self) -> bool {
        let status = self.status.borrow();
        status.state == ConnectionState::Connected && status.blocked.is_none()
    }
}

/// Ready while one of them is. Ends its own tasks when it is dropped.
pub(super) struct Connections {
    first: Connection,
    others: Vec<Connection>,
    turn: AtomicUsize,
    status: watch::Receiver<BrokerStatus>,
    _watching: JoinSet<()>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections")
            .field("status", &*self.status.borrow())
            .finish_non_exhaustive()
    }
}

impl Connections {
    /// Around these, of which the first answers questions. Needs a running tokio runtime.
    pub(super) fn new(first: Arc<dyn Broker>, others: Vec<Arc<dyn Broker>>) -> Self {
        let connection = |broker: Arc<dyn Broker>| Connection {
            status: broker.status(),
            broker,
        };
        let first = connection(first);
        let others: Vec<_> = others.into_iter().map(connection).collect();
        let statuses: Vec<_> = std::iter::once(&first)
            .chain(&others)
            .map(|c| c.status.clone())
            .collect();
        let (sender, status) = watch::channel(first.status.borrow().clone());
        let sender = Arc::new(sender);
        let mut watching = JoinSet::new();
        for mut one in statuses.clone() {
            let (statuses, sender) = (statuses.clone(), Arc::clone(&sender));
            watching.spawn(async move {
                // What has changed since the start counts, too.
                one.mark_changed();
                while one.changed().await.is_ok() {
                    sender.send_replace(best(&statuses));
                }
            });
        }
        Self {
            first,
            others,
            turn: AtomicUsize::new(0),
            status,
            _watching: watching,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Connection> + Clone {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The next in turn that is ready; where none is, the first says why.
    fn next(&self) -> &Connection {
        let count = 1 + self.others.len();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % count;
        let mut in_turn = self.all().cycle().skip(turn).take(count);
        in_turn.find(|c| c.is_ready()).unwrap_or(&self.first)
    }
}

/// The status of the first that takes messages, else of the first.
fn best(statuses: &[watch::Receiver<BrokerStatus>]) -> BrokerStatus {
    let mut best: Option<BrokerStatus> = None;
    for status in statuses {
        let status = status.borrow();
        let ready = status.state == ConnectionState::Connected && status.blocked.is_none();
        if ready {
            return status.clone();
        }
        best.get_or_insert_with(|| status.clone());
    }
    best.unwrap_or_else(|| BrokerStatus {
        state: ConnectionState::Disconnected,
        url: String::new(),
        epoch: 0,
        failed_attempts: 0,
        last_error: None,
        blocked: None,
        fatal: None,
    })
}

impl Broker for Connections {
    fn publish(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        self.next().broker.publish(message)
    }

    fn consume<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        self.first.broker.consume(queue, prefetch)
    }

    fn depth<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Option<QueueDepth>, BrokerError>> {
        self.first.broker.depth(queue)
    }

    fn status(&self) -> watch::Receiver<BrokerStatus> {
        self.status.clone()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            join_all(self.all().map(|c| c.broker.close())).await;
        })
    }
}
