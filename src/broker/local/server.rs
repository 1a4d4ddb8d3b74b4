//! The broker itself: what clients connect to, and what tests look into and break.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::LocalBroker;
use super::entry::Entry;
use super::faults::{Fault, FaultPlan, Faults};
use super::open::Recovery;
use super::state::{Published, State};
use crate::broker::{Message, PublishError};
use crate::topology::Topology;

/// How long [`LocalServer::shut_down`] waits for storage.
const SHUT_DOWN_DEADLINE: Duration = Duration::from_secs(10);

/// A broker in this process. Clones are the same broker.
#[derive(Clone, Debug)]
pub struct LocalServer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    core: Arc<Core>,
    recovery: Recovery,
    /// True once the file is closed; `None` in memory.
    ended: Option<watch::Receiver<bool>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.core.lock().journal.closing = true;
        self.core.work.notify_one();
        self.core.wake.notify_one();
    }
}

/// What handles, the task that keeps time and the storage thread share.
#[derive(Debug)]
pub(super) struct Core {
    state: Mutex<State>,
    /// The time something is due has changed.
    wake: Notify,
    /// There is something to write.
    work: Condvar,
}

impl Core {
    pub(super) fn new(state: State) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(state),
            wake: Notify::new(),
            work: Condvar::new(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `act` under the lock, then lets clock and storage look again.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State, Instant) -> T) -> T {
        let mut state = self.lock();
        let before = state.next_due();
        let answer = act(&mut state, Instant::now());
        if state.next_due() != before {
            self.wake.notify_one();
        }
        if !state.journal.batch.is_empty() {
            self.work.notify_one();
        }
        answer
    }

    /// Waits for something to write.
    pub(super) fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.work
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until `goes_on` ceases to hold.
    pub(super) fn wait_timeout_while<'a>(
        &self,
        state: MutexGuard<'a, State>,
        pause: Duration,
        goes_on: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        let waited = self.work.wait_timeout_while(state, pause, goes_on);
        waited.unwrap_or_else(PoisonError::into_inner).0
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
        let core = Core::new(State::new(topology));
        Self::around(core, Recovery::default(), None)
    }

    pub(super) fn around(
        core: Arc<Core>,
        recovery: Recovery,
        ended: Option<watch::Receiver<bool>>,
    ) -> Self {
        let shared = Arc::new(Shared {
            core: Arc::clone(&core),
            recovery,
            ended,
        });
        tokio::spawn(keep_time(Arc::downgrade(&shared), core));
        Self(shared)
    }

    /// What was found when the broker was opened; nothing in memory.
    pub fn recovery(&self) -> &Recovery {
        &self.0.recovery
    }

    /// Waits until everything that has happened so far is on disk; at once in memory. While
    /// storage refuses it waits on; cancel by dropping.
    pub async fn flushed(&self) {
        let written = self.with(|state, _| {
            let journal = &mut state.journal;
            (journal.is_durable() && !journal.closing).then(|| {
                let (done, written) = oneshot::channel();
                journal.batch.flushes.push(done);
                written
            })
        });
        if let Some(written) = written {
            // An error means that the storage thread has ended, and nothing is left to wait for.
            let _ = written.await;
        }
    }

    /// Ends every connection, writes what is left and gives the folder free. Waits at most
    /// 10 s; what could not be written by then is delivered again. In memory it ends the
    /// connections only.
    pub async fn shut_down(&self) {
        self.with(|state, now| {
            let connections: Vec<_> = state.connections.keys().copied().collect();
            for id in connections {
                state.remove_connection(id, false, now);
            }
            state.journal.closing = true;
        });
        self.0.core.work.notify_one();
        if let Some(mut ended) = self.0.ended.clone() {
            let _ = tokio::time::timeout(SHUT_DOWN_DEADLINE, ended.wait_for(|e| *e)).await;
        }
    }

    #[cfg(test)]
    pub(super) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }

    /// A new connection, as of a process of its own.
    pub fn connect(&self) -> LocalBroker {
        LocalBroker::connect(self.clone())
    }

    /// Publishes as a client outside this program does: no fault strikes, and properties that
    /// a connection of ours could not send (another `user_id`, larger headers) are taken. On
    /// disk it does not wait until it is written.
    ///
    /// # Errors
    /// No exchange, no queue, or a full one.
    pub fn deposit(&self, message: &Message) -> Result<(), PublishError> {
        match self.with(|state, now| state.publish(message, now)) {
            Published::Done(result) => result,
            Published::Writing(_) => Ok(()),
        }
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
            let message = |e: &Entry| Message::clone(&e.message);
            Some(QueueContents {
                ready: queue
                    .returns
                    .iter()
                    .chain(queue.ready.iter())
                    .map(message)
                    .collect(),
                unacknowledged: queue.held.values().map(message).collect(),
                dead_lettering: queue.stuck.iter().map(|s| message(&s.entry)).collect(),
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
        self.with(|state, _| {
            let purged = state.queues.get_mut(queue)?.queue.purge();
            for entry in &purged {
                state.journal.gone(entry);
            }
            Some(purged.len())
        })
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

    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State, Instant) -> T) -> T {
        self.0.core.with(act)
    }
}

/// Wakes the broker when something is due, until the last handle is gone.
async fn keep_time(shared: Weak<Shared>, core: Arc<Core>) {
    while shared.strong_count() > 0 {
        let due = {
            let mut state = core.lock();
            state.tick(Instant::now());
            if !state.journal.batch.is_empty() {
                core.work.notify_one();
            }
            state.next_due()
        };
        match due {
            Some(due) => tokio::select! {
                biased;
                () = core.wake.notified() => {}
                () = sleep_until(due) => {}
            },
            None => core.wake.notified().await,
        }
    }
}
