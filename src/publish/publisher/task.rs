//! The one task that decides about every message: to the broker, to the spool, or refused.
//!
//! Live messages and those of the spool share the lanes (order per subject) and the window.
//! Invariant: while something about a subject is in the spool, what is new about it goes
//! behind it; so a lane never mixes the two, and nothing overtakes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::desk::Desk;
use super::flights::Flights;
use super::gate::{Gate, LinkState};
use super::lanes::{Item, Lanes, Live};
use super::status::{Board, Refusal, Snapshot};
use super::tally::Tally;
use crate::broker::BrokerStatus;
use crate::publish::intake::{Backlog, NotAccepted};
use crate::publish::spool::{AsideQuestion, Found};
use crate::telemetry::Outages;
use crate::topology::Topology;

/// Commands taken at once.
const COMMANDS: usize = 256;
/// What a caller who finds no room is told where nothing better is known, and the limits.
const RETRY_AFTER: Duration = Duration::from_secs(5);
const RETRY_AT_MOST: Duration = Duration::from_secs(30);
/// How long the disk may take beyond the deadline of a shutdown.
const LAST_WRITE: Duration = Duration::from_secs(5);
/// The deadline where every handle was dropped without a word.
const DROPPED: Duration = Duration::from_secs(5);

/// What a handle asks of the core.
pub(super) enum Command {
    Take(Box<Live>),
    /// Numbers and bytes of what was set aside and is no longer wanted.
    Forget(Vec<(u64, u64)>),
    Ask(AsideQuestion),
    /// Take nothing more, be done by then, and say so.
    Close(Instant, oneshot::Sender<()>),
}

pub(super) struct Core {
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) status: watch::Receiver<BrokerStatus>,
    pub(super) window: usize,
    pub(super) topology: Topology,
    pub(super) gate: Gate,
    pub(super) lanes: Lanes,
    pub(super) flights: Flights,
    pub(super) desk: Desk,
    pub(super) board: Arc<Board>,
    pub(super) tally: Tally,
    pub(super) refusal: Option<Arc<Refusal>>,
    pub(super) refused: Outages,
    pub(super) reason: Option<Arc<str>>,
    /// Be done by then.
    pub(super) closing: Option<Instant>,
    pub(super) closed: Vec<oneshot::Sender<()>>,
}

impl Core {
    pub(super) async fn run(mut self) {
        let mut taken = Vec::new();
        let (mut watching, mut listening) = (true, true);
        self.observe();
        loop {
            let now = Instant::now();
            self.pump(now);
            self.desk.submit(self.room_to_read(now), now);
            self.report();
            if self.is_done(now) {
                break;
            }
            let wake = self.wakes_at(now);
            tokio::select! {
                biased;
                changed = self.status.changed(), if watching => {
                    watching = changed.is_ok();
                    self.observe();
                }
                answer = self.desk.answer() => {
                    let now = Instant::now();
                    let found = self.desk.answered(answer, now, &mut self.tally);
                    self.found(found);
                }
                (item, result) = self.flights.settled(), if self.flights.any() => {
                    self.settle(item, result);
                    while let Some((item, result)) = self.flights.settled_now() {
                        self.settle(item, result);
                    }
                }
                count = self.commands.recv_many(&mut taken, COMMANDS), if listening => {
                    if count == 0 {
                        listening = false;
                        self.close(Instant::now() + DROPPED, None);
                    }
                    for command in taken.drain(..) {
                        self.obey(command);
                    }
                }
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() => self.tick(),
            }
        }
        self.end().await;
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Take(live) => self.take(live),
            Command::Forget(rows) => rows.into_iter().for_each(|row| self.desk.forget(row)),
            Command::Ask(question) => self.desk.ask(question),
            Command::Close(deadline, done) => self.close(deadline, Some(done)),
        }
    }

    fn take(&mut self, live: Box<Live>) {
        if self.closing.is_some() {
            let refusal = NotAccepted::ShuttingDown;
            self.tally.refused(refusal.code());
            return live.reply.send(Err(refusal));
        }
        if self.admits(live.subject) {
            self.lanes.push(Item::Live(live));
        } else {
            self.park(*live);
        }
    }

    /// Whether a message about this subject need not go to disk now.
    fn admits(&self, subject: u64) -> bool {
        if self.desk.book.is_parked(subject) {
            return false;
        }
        // Behind what is on its way, whatever becomes of that.
        if self.lanes.holds(subject) {
            return true;
        }
        match self.gate.state() {
            LinkState::Ready => true,
            // It is the one that tries.
            LinkState::Refusing => {
                let idle = self.flights.len() == 0 && self.lanes.live_waiting() == 0;
                let (waiting, _) = self.desk.book.waiting();
                idle && waiting == 0 && self.gate.window(self.window, Instant::now()) > 0
            }
            LinkState::Away | LinkState::Blocked => false,
        }
    }

    /// To disk with it.
    pub(super) fn park(&mut self, live: Live) {
        let now = Instant::now();
        let wait = match self.gate.opens_at() {
            Some(at) => at.saturating_duration_since(now) + Duration::from_secs(1),
            None => RETRY_AFTER,
        };
        let retry_after = wait.min(RETRY_AT_MOST);
        self.desk.take(live, retry_after, now, &mut self.tally);
    }

    /// Sends what may go; what may not and is waited for goes to disk.
    fn pump(&mut self, now: Instant) {
        let window = self.gate.window(self.window, now);
        while self.flights.len() < window {
            let Some(item) = self.lanes.take_next() else {
                break;
            };
            self.flights.start(item, now);
        }
        if self.gate.state() != LinkState::Ready {
            for live in self.lanes.take_ready_live() {
                self.park(live);
            }
        }
    }

    /// Messages of the spool in memory, where more may be read.
    fn room_to_read(&self, now: Instant) -> Option<usize> {
        let drains = self.closing.is_none() && self.gate.window(self.window, now) > 0;
        drains.then(|| self.lanes.stored_waiting())
    }

    /// The connection may have changed.
    fn observe(&mut self) {
        let status = self.status.borrow_and_update().clone();
        let lost = self.gate.observe(&status);
        let why = status.blocked.or(status.last_error);
        self.reason = match self.gate.state() {
            LinkState::Away | LinkState::Blocked => why.map(Arc::from),
            LinkState::Ready | LinkState::Refusing => None,
        };
        if lost {
            self.abandon();
        }
    }

    fn found(&mut self, found: Vec<Found>) {
        for found in found {
            self.found_one(found);
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        for (item, error) in self.flights.overdue(now) {
            self.settle(item, Err(error));
        }
        if self.closing.is_some_and(|at| at <= now) {
            self.abandon();
            for live in self.lanes.take_all_live() {
                self.park(live);
            }
        }
    }

    fn wakes_at(&mut self, now: Instant) -> Option<Instant> {
        let last = self
            .closing
            .map(|at| if at > now { at } else { at + LAST_WRITE });
        let times = [
            self.flights.next_due(),
            self.gate.opens_at().filter(|at| *at > now),
            self.desk.tries_at(),
            last,
        ];
        times.into_iter().flatten().min()
    }

    fn close(&mut self, deadline: Instant, done: Option<oneshot::Sender<()>>) {
        self.closed.extend(done);
        let deadline = self.closing.map_or(deadline, |at| at.min(deadline));
        self.closing = Some(deadline);
        // They are on disk.
        self.lanes.drop_stored();
    }

    fn is_done(&self, now: Instant) -> bool {
        let Some(deadline) = self.closing else {
            return false;
        };
        let settled =
            self.flights.len() == 0 && self.lanes.live_waiting() == 0 && self.desk.is_idle();
        settled || now >= deadline + LAST_WRITE
    }

    fn report(&mut self) {
        self.tally.report();
        let (messages, bytes) = self.desk.book.waiting();
        self.board.put(Snapshot {
            link: self.gate.state(),
            reason: self.reason.clone(),
            refusal: self.refusal.clone(),
            failures: self.gate.failures(),
            opens_at: self.gate.opens_at(),
            in_flight: self.flights.len(),
            backlog: Backlog { messages, bytes },
            set_aside: self.desk.book.aside(),
            trouble: self.desk.trouble().map(str::to_owned),
        });
    }

    async fn end(self) {
        // A disk that hangs must not hang the program; the file repairs itself at the start.
        let _ = tokio::time::timeout(LAST_WRITE, self.desk.close()).await;
        for done in self.closed {
            // Who asked may have gone.
            let _ = done.send(());
        }
    }
}
