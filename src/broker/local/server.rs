//! The broker itself: what clients connect to, and what tests look into and break.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::LocalBroker;
use super::faults::{Fault, FaultPlan, Faults};
use super::state::State;
use crate::broker::{Message, PublishError};
use crate::topology::Topology;

/// A broker in this process. Clones are the same broker.
#[derive(Clone, Debug)]
pub struct LocalServer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Arc<Notify>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.wake.notify_one();
    }
}

/// What a queue holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueContents {
    /// Ready for delivery, next first.
    pub ready: Vec<Message>,
    /// Handed out and not settled.
    pub unacknowledged: Vec<Message>,
    /// Dead letters their target has not taken yet (at-least-once).
    pub dead_lettering: Vec<Message>,
    /// Consumers attached.
    pub consumers: u32,
}

impl QueueContents {
    /// Everything in it, however it is held.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.ready
            .iter()
            .chain(&self.unacknowledged)
            .chain(&self.dead_lettering)
    }
}

impl LocalServer {
    /// A broker with this topology, in memory. Must be called inside a tokio runtime, whose
    /// clock it follows: expiry, delays and reconnection run in a task of their own that ends
    /// with the last handle.
    pub fn start(topology: Topology) -> Self {
        let wake = Arc::new(Notify::new());
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(topology)),
            wake: Arc::clone(&wake),
        });
        tokio::spawn(keep_time(Arc::downgrade(&shared), wake));
        Self(shared)
    }

    /// A new connection, as of a process of its own.
    pub fn connect(&self) -> LocalBroker {
        LocalBroker::connect(self.clone())
    }

    /// Publishes as a client outside this program does: no fault strikes, and properties that
    /// a connection of ours could not send (another `user_id`, larger headers) are taken.
    ///
    /// # Errors
    /// No exchange, no queue, or a full one.
    pub fn deposit(&self, message: &Message) -> Result<(), PublishError> {
        self.with(|state, now| state.publish(message, now))
    }

    /// From now on things go wrong by this plan; its chances count from here.
    pub fn set_faults(&self, plan: FaultPlan) {
        self.with(|state, _| state.faults = Faults::new(plan));
    }

    /// How often each fault has struck since the plan was set.
    pub fn struck(&self) -> BTreeMap<Fault, u64> {
        self.with(|state, _| state.faults.struck())
    }

    /// What a queue holds now; `None` where it does not exist.
    pub fn inspect(&self, queue: &str) -> Option<QueueContents> {
        self.with(|state, now| {
            state.tick(now);
            let slot = state.queues.get(queue)?;
            let queue = &slot.queue;
            Some(QueueContents {
                ready: queue
                    .returns
                    .iter()
                    .chain(&queue.ready)
                    .map(|e| e.message.clone())
                    .collect(),
                unacknowledged: queue.held.values().map(|e| e.message.clone()).collect(),
                dead_lettering: queue
                    .stuck
                    .iter()
                    .map(|s| s.entry.message.clone())
                    .collect(),
                consumers: u32::try_from(slot.consumers.len()).unwrap_or(u32::MAX),
            })
        })
    }

    /// How many messages a queue holds, however held; `None` where it does not exist.
    pub fn count(&self, queue: &str) -> Option<usize> {
        self.with(|state, now| {
            state.tick(now);
            Some(state.queues.get(queue)?.queue.len())
        })
    }

    /// Names of the queues that exist, sorted.
    pub fn queues(&self) -> Vec<String> {
        self.with(|state, _| state.queues.keys().map(|name| name.to_string()).collect())
    }

    /// Drops what is ready in a queue; answers how many, `None` where it does not exist.
    pub fn purge(&self, queue: &str) -> Option<usize> {
        self.with(|state, _| Some(state.queues.get_mut(queue)?.queue.purge()))
    }

    /// Deletes a queue with everything in it; its consumers are cancelled. The next
    /// consumer of it declares it anew. Answers whether it existed.
    pub fn delete_queue(&self, queue: &str) -> bool {
        self.with(|state, _| state.delete_queue(queue))
    }

    /// What an operator's policy does: from now on a queue refuses what goes beyond this
    /// many bytes ready; `None` lifts it. No effect where the queue does not exist.
    pub fn limit_bytes(&self, queue: &str, max: Option<u64>) {
        self.with(|state, _| {
            if let Some(slot) = state.queues.get_mut(queue) {
                slot.queue.limit_bytes(max);
            }
        });
    }

    /// How long a delivery may be held; then its channel is closed (406). Default 30 min,
    /// RabbitMQ's own. RabbitMQ looks once a minute, here it is exact.
    pub fn consumer_timeout(&self, timeout: Duration) {
        self.with(|state, _| state.consumer_timeout = timeout);
    }

    /// What clients did that closed their channel with 406, the last 100: acknowledged an
    /// unknown tag, or held a delivery for too long.
    pub fn protocol_errors(&self) -> Vec<String> {
        self.with(|state, _| state.protocol_errors.iter().cloned().collect())
    }

    /// Loses every connection; they are back after `downtime`. Queues keep their messages.
    pub fn restart(&self, downtime: Duration) {
        self.with(|state, now| {
            let connections: Vec<_> = state.connections.keys().copied().collect();
            for id in connections {
                state.disconnect(id, downtime, now);
            }
            state.run(now);
        });
    }

    /// Runs `act` under the lock, then lets the clock look again.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State, Instant) -> T) -> T {
        let mut state = lock(&self.0.state);
        let before = state.next_due();
        let answer = act(&mut state, Instant::now());
        if state.next_due() != before {
            self.0.wake.notify_one();
        }
        answer
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes the broker when something is due, until the broker is gone.
async fn keep_time(shared: Weak<Shared>, wake: Arc<Notify>) {
    loop {
        let due = {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let mut state = lock(&shared.state);
            state.tick(Instant::now());
            state.next_due()
        };
        match due {
            Some(due) => tokio::select! {
                biased;
                () = wake.notified() => {}
                () = sleep_until(due) => {}
            },
            None => wake.notified().await,
        }
    }
}
