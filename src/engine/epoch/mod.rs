//! One subscription of a lane, from the first delivery to the close of its channel.
//!
//! Invariant: a tag leaves the tracker only by an acknowledgement after its messages are
//! confirmed, or by giving it back. When the stream ends, all tags are void.

mod settlement;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::{AcquireError, OwnedSemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::broker::{BrokerError, Delivery, Subscription};
use crate::engine::batch_run::{self, Answered};
use crate::engine::buffer::{Buffer, Held};
use crate::engine::confirm::{Confirmation, confirm};
use crate::engine::destination::Admission;
use crate::engine::shared::Shared;
use crate::engine::shutdown::Shutdown;
use crate::engine::tracker::Tracker;
use crate::telemetry;

/// Deliveries taken in one turn of the loop, so that settlement is never starved.
const BURST: u64 = 256;
/// The loop turns at least this often, for its heartbeat.
const TICK: Duration = Duration::from_secs(1);
/// What runs may finish this long after its channel is lost; its tags are void anyway.
const LOST_GRACE: Duration = Duration::from_secs(1);
/// First pause after a give-back; it doubles from one to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Why a subscription ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Draining, or the destination is shut: all is settled or given back.
    Stopped,
    /// The broker ended it: cancelled, channel or connection lost.
    Lost(Option<BrokerError>),
}

type Turn = BoxFuture<'static, Result<OwnedSemaphorePermit, AcquireError>>;

pub(super) struct Epoch<'a> {
    shared: &'a Arc<Shared>,
    shutdown: &'a Shutdown,
    lane: usize,
    admission: Admission,
    subscription: Subscription,
    tracker: Tracker,
    buffer: Buffer,
    running: JoinSet<Answered>,
    confirming: FuturesUnordered<BoxFuture<'static, Confirmation>>,
    turn: Option<Turn>,
    paused_until: Option<Instant>,
    pause: Duration,
    /// Consuming no more; what runs is settled.
    stopping: bool,
    /// The broker has cancelled the consumer; what is unsettled may still be settled.
    cancelled: bool,
    /// The channel is lost and its tags are void.
    broken: Option<BrokerError>,
}

impl<'a> Epoch<'a> {
    pub(super) fn new(
        shared: &'a Arc<Shared>,
        shutdown: &'a Shutdown,
        lane: usize,
        admission: Admission,
        subscription: Subscription,
        buffer: Buffer,
    ) -> Self {
        Self {
            shared,
            shutdown,
            lane,
            admission,
            subscription,
            tracker: Tracker::default(),
            buffer,
            running: JoinSet::new(),
            confirming: FuturesUnordered::new(),
            turn: None,
            paused_until: None,
            pause: FIRST_PAUSE,
            stopping: false,
            cancelled: false,
            broken: None,
        }
    }

    /// Runs until the subscription is over; hands the empty buffer on with what it learned.
    pub(super) async fn run(mut self) -> (Ended, Buffer) {
        let mut passage = self.shared.destination.changes();
        let mut ticks = tokio::time::interval(TICK);
        loop {
            self.shared.monitor.beat(self.lane);
            if !self.stopping && self.must_stop() {
                self.stop().await;
            }
            if let Some(error) = self.broken.take() {
                return (Ended::Lost(Some(error)), self.lost().await);
            }
            if self.stopping && self.running.is_empty() && self.confirming.is_empty() {
                // What is done behind what goes back must not come again.
                self.acknowledge(Duration::ZERO).await;
                let ended = if self.cancelled {
                    Ended::Lost(None)
                } else {
                    Ended::Stopped
                };
                return (ended, self.lost().await);
            }
            self.ask_for_a_turn();
            let wake = self.wake();
            tokio::select! {
                biased;
                Some(answered) = self.running.join_next() => {
                    if let Ok(answered) = answered { self.answered(answered).await; }
                }
                Some(confirmation) = self.confirming.next() => self.confirmed(confirmation).await,
                turn = wait_for(&mut self.turn) => self.dispatch(turn),
                delivery = self.subscription.deliveries.next(), if !self.stopping => {
                    self.receive(delivery);
                }
                () = self.shutdown.draining(), if !self.stopping => {}
                _ = passage.changed(), if !self.stopping => {}
                () = tokio::time::sleep_until(wake) => {}
                _ = ticks.tick() => {}
            }
            self.acknowledge(self.shared.config.overtake_after).await;
            self.shared.monitor.holding(self.lane, self.tracker.len());
        }
    }

    fn must_stop(&self) -> bool {
        self.cancelled
            || self.shutdown.is_draining()
            || self.shared.destination.revoked(self.admission)
    }

    /// Consumes no more. What has not been dispatched goes back with the channel.
    async fn stop(&mut self) {
        self.stopping = true;
        self.turn = None;
        let _ = self.subscription.channel.cancel().await;
        self.buffer.clear();
    }

    /// Closes the channel; what is unsettled goes back. Lets batches that still run end
    /// first, so that they do not meet their own repeats.
    async fn lost(mut self) -> Buffer {
        let _ = tokio::time::timeout(LOST_GRACE, async {
            while self.running.join_next().await.is_some() {}
        })
        .await;
        self.running.detach_all();
        let _ = self.subscription.channel.close().await;
        self.shared.monitor.holding(self.lane, 0);
        self.buffer.clear();
        self.buffer
    }

    /// Takes the delivery and what is ready behind it.
    fn receive(&mut self, first: Option<Result<Delivery, BrokerError>>) {
        let (mut messages, mut redelivered, mut assigned) = (0_u64, 0_u64, 0_u64);
        let mut next = Some(first);
        while let Some(delivery) = next {
            match delivery {
                Some(Ok(delivery)) => {
                    messages += 1;
                    redelivered += u64::from(delivery.redelivered);
                    assigned += u64::from(self.hold(delivery));
                }
                Some(Err(error)) => self.broken = Some(error),
                None => self.cancelled = true,
            }
            // What is polled must be held: a delivery dropped here would stay unsettled.
            let more = messages < BURST && self.broken.is_none() && !self.cancelled;
            next = more
                .then(|| self.subscription.deliveries.next().now_or_never())
                .flatten();
        }
        telemetry::delivered(self.shared.queue(), messages, redelivered);
        telemetry::ids_assigned(self.shared.queue(), assigned);
    }

    /// Answers whether the event had no id and got one of its own.
    fn hold(&mut self, delivery: Delivery) -> bool {
        self.tracker.delivered(delivery.tag);
        let suspect = delivery
            .delivery_count
            .is_some_and(|count| count >= self.shared.config.queue.suspect_after);
        let (held, assigned) = Held::new(&self.shared.codec, delivery);
        if suspect && held.event.is_ok() {
            let publication = self.shared.suspect(held);
            self.confirming
                .push(confirm(self.shared.clone(), publication).boxed());
        } else {
            self.buffer.push(held);
        }
        assigned
    }

    /// Asks for a turn at the store once a batch is due; the batch is what waits by then.
    fn ask_for_a_turn(&mut self) {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        let due = self.due().is_some_and(|at| at <= now) && self.paused_until.is_none();
        let room = self.running.len() < self.shared.config.queue.in_flight.max(1);
        if due && room && !self.stopping && self.turn.is_none() {
            self.turn = Some(self.shared.turns.clone().acquire_owned().boxed());
        }
    }

    fn dispatch(&mut self, turn: Result<OwnedSemaphorePermit, AcquireError>) {
        let Ok(turn) = turn else { return };
        let most = if self.admission == Admission::Trial {
            1
        } else {
            usize::MAX
        };
        let batch = self.buffer.take(most);
        if !batch.is_empty() {
            self.running
                .spawn(batch_run::run(self.shared.clone(), batch, turn));
        }
    }

    fn due(&self) -> Option<Instant> {
        self.buffer.due(!self.running.is_empty())
    }

    /// When the loop has to turn even if nothing happens.
    fn wake(&self) -> Instant {
        let now = Instant::now();
        let busy = self.running.len() >= self.shared.config.queue.in_flight.max(1);
        let due = if busy || self.turn.is_some() || self.stopping {
            None
        } else {
            self.due()
        };
        match (self.paused_until, due) {
            (Some(until), _) => until,
            (None, Some(due)) => due,
            (None, None) => now + TICK,
        }
    }
}

async fn wait_for(turn: &mut Option<Turn>) -> Result<OwnedSemaphorePermit, AcquireError> {
    match turn {
        Some(waiting) => {
            let permit = waiting.await;
            *turn = None;
            permit
        }
        None => std::future::pending().await,
    }
}
