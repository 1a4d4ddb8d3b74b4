//! Takes messages in and answers for them: confirmed by the broker, or synchronised to disk.
//!
//! `task` decides about every message; `gate` says whether the broker may be asked, `lanes`
//! keep the order per subject, `flights` are the messages on their way, `desk` is the spool's
//! counter. Everything else prepares messages and reads out where it stands.
//!
//! Invariant: what was answered with success is with the broker or in the spool, and what
//! is in the spool reaches the broker in the order per subject in which it was accepted.

mod connections;
mod desk;
mod draft;
mod flights;
mod gate;
mod lanes;
mod prepare;
mod room;
mod settle;
mod status;
mod subject;
mod tally;
mod task;
#[cfg(test)]
mod tests;

pub use draft::Draft;
pub use gate::LinkState;
pub use status::{PublisherStatus, Refusing};
pub(super) use subject::of as subject_of;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{Stream, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use self::connections::Connections;
use self::desk::Desk;
use self::flights::Flights;
use self::gate::Gate;
use self::lanes::{Lanes, Live, Reply};
use self::prepare::Preparer;
use self::room::Room;
use self::status::{Board, Snapshot};
use self::tally::Tally;
use self::task::{Command, Core};
use super::intake::{Accepted, Backlog, Intake, NotAccepted};
use super::spool::{self, Opened, SetAside, SpoolError, SpoolRecovery};
use crate::broker::amqp::AmqpBroker;
use crate::broker::{Broker, Message};
use crate::config::{Config, SpoolConfig};
use crate::telemetry::{self, Outages};
use crate::topology::Topology;

/// When to come again where too many callers wait: they are answered in milliseconds, or after
/// `publisher.spool_after`.
const NO_ROOM_FOR: Duration = Duration::from_secs(1);
/// How much longer than its deadline a shutdown may take: the last write to disk.
const GRACE: Duration = Duration::from_secs(15);

/// Publishes through the broker, and through the spool while the broker is away.
///
/// Works on a task of its own. Dropping it without [`shut_down`](Self::shut_down) flushes in
/// the background for as long as the runtime lives.
pub struct Publisher {
    commands: mpsc::UnboundedSender<Command>,
    room: Room,
    preparer: Preparer,
    board: Arc<Board>,
    window: usize,
    recovery: SpoolRecovery,
    spool: SpoolConfig,
    broker: Arc<dyn Broker>,
    owns_broker: bool,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl Publisher {
    /// Opens the spool and starts connecting to RabbitMQ as configured; returns without
    /// waiting for the connection. Needs a running tokio runtime.
    ///
    /// # Errors
    /// The spool cannot be opened.
    pub async fn start(config: &Config) -> Result<Self, SpoolError> {
        let opened = spool::open(&config.spool).await?;
        let connect = || -> Arc<dyn Broker> {
            let topology = Topology::from_config(config);
            Arc::new(AmqpBroker::start(config.broker.clone(), topology))
        };
        let others: Vec<_> = (1..config.publisher.connections)
            .map(|_| connect())
            .collect();
        let broker = match others.is_empty() {
            true => connect(),
            false => Arc::new(Connections::new(connect(), others)),
        };
        let mut publisher = Self::around(broker, config, opened);
        publisher.owns_broker = true;
        Ok(publisher)
    }

    /// The same on a broker that is there already, which stays the caller's to close.
    ///
    /// # Errors
    /// The spool cannot be opened.
    pub async fn with_broker(broker: Arc<dyn Broker>, config: &Config) -> Result<Self, SpoolError> {
        let opened = spool::open(&config.spool).await?;
        Ok(Self::around(broker, config, opened))
    }

    fn around(broker: Arc<dyn Broker>, config: &Config, opened: Opened) -> Self {
        let recovery = opened.recovery.clone();
        let desk = Desk::new(opened);
        let status = broker.status();
        let gate = Gate::new(&status.borrow());
        let (messages, bytes) = desk.book.waiting();
        let board = Arc::new(Board::new(Snapshot {
            link: gate.state(),
            reason: None,
            refusal: None,
            failures: 0,
            opens_at: None,
            in_flight: 0,
            backlog: Backlog { messages, bytes },
            set_aside: desk.book.aside(),
            trouble: None,
        }));
        let (commands, taken) = mpsc::unbounded_channel();
        let connections = config.publisher.connections.max(1);
        let window = config.broker.confirm_window.max(1) * connections;
        let core = Core {
            commands: taken,
            status,
            window,
            topology: Topology::from_config(config),
            gate,
            lanes: Lanes::default(),
            flights: Flights::new(Arc::clone(&broker), config.publisher.spool_after),
            desk,
            board: Arc::clone(&board),
            tally: Tally::default(),
            refusal: None,
            refused: Outages::default(),
            reason: None,
            closing: None,
            closed: Vec::new(),
        };
        tokio::spawn(core.run());
        Self {
            commands,
            room: Room::new(config.publisher.memory),
            preparer: Preparer::new(config),
            board,
            window,
            recovery,
            spool: config.spool.clone(),
            broker,
            owns_broker: false,
        }
    }

    /// Publishes an event. Resolves and may be dropped as [`Intake::accept`]; answers the id,
    /// too.
    ///
    /// # Errors
    /// The event is not taken, and nothing of it is kept.
    pub fn publish(
        &self,
        event: Draft,
    ) -> impl Future<Output = Result<(String, Accepted), NotAccepted>> + Send + use<> {
        let message = self.preparer.message(event);
        let id = message.properties.message_id.clone().unwrap_or_default();
        let begun = self.begin(message, None);
        async move { Ok((id, begun.answer().await?)) }
    }

    /// As [`Intake::accept`], where the caller knows what the message is about: the order
    /// among messages of one subject is kept.
    ///
    /// # Errors
    /// The message is not taken, and nothing of it is kept.
    pub fn accept_about(
        &self,
        subject: &str,
        message: Message,
    ) -> impl Future<Output = Result<Accepted, NotAccepted>> + Send + use<> {
        self.begin(message, Some(subject::named(subject))).answer()
    }

    /// Accepts all of them side by side, in this order per subject; one answer each.
    pub async fn accept_all(
        &self,
        messages: impl IntoIterator<Item = Message, IntoIter: Send>,
    ) -> Vec<Result<Accepted, NotAccepted>> {
        let messages = futures::stream::iter(messages);
        self.accept_stream(messages).collect().await
    }

    /// Accepts a stream, four times the confirm window at once, so that there is always some
    /// message whose subject has none on its way; answers come in its order.
    pub fn accept_stream<'a>(
        &'a self,
        messages: impl Stream<Item = Message> + Send + 'a,
    ) -> impl Stream<Item = Result<Accepted, NotAccepted>> + Send + 'a {
        messages
            .map(move |message| self.begin(message, None).answer())
            .buffered(self.window * 4)
    }

    /// Hands the message to the task at once, without waiting: the order of these calls is
    /// the order of messages.
    fn begin(&self, mut message: Message, subject: Option<u64>) -> Begun {
        if let Err(error) = self.preparer.prepare(&mut message) {
            return Begun::refused(error.into());
        }
        let Some(room) = self.room.share(&message) else {
            let retry_after = NO_ROOM_FOR;
            return Begun::refused(NotAccepted::Full { retry_after });
        };
        let subject = subject.unwrap_or_else(|| subject::of(&message));
        let (to, answer) = oneshot::channel();
        let reply = Reply {
            to,
            room: Some(room),
        };
        let live = Live {
            subject,
            message,
            reply,
        };
        match self.commands.send(Command::Take(Box::new(live))) {
            Ok(()) => Begun(Ok(answer)),
            Err(_) => Begun::refused(NotAccepted::ShuttingDown),
        }
    }

    /// Where it stands.
    pub fn status(&self) -> PublisherStatus {
        self.board.status(Instant::now())
    }

    /// What was found when the spool was opened.
    pub fn recovery(&self) -> &SpoolRecovery {
        &self.recovery
    }

    /// The broker it publishes to.
    pub fn broker(&self) -> &Arc<dyn Broker> {
        &self.broker
    }

    /// The first messages set aside, at most so many.
    ///
    /// # Errors
    /// The spool cannot be read, or the publisher has ended.
    pub async fn set_aside(&self, limit: usize) -> Result<Vec<SetAside>, NotAccepted> {
        let (reply, answer) = oneshot::channel();
        let question = Command::Ask((limit, reply));
        if self.commands.send(question).is_err() {
            return Err(NotAccepted::ShuttingDown);
        }
        match answer.await {
            Ok(found) => found.map_err(NotAccepted::Storage),
            Err(_) => Err(NotAccepted::ShuttingDown),
        }
    }

    /// Accepts these once more, behind everything that waits; what is taken is no longer set
    /// aside. Answers how many were. A crash in between repeats a message.
    ///
    /// # Errors
    /// The first refusal; those before it were taken.
    pub async fn retry_set_aside(&self, rows: Vec<SetAside>) -> Result<usize, NotAccepted> {
        let mut taken = 0;
        for row in rows {
            let Some(message) = row.message else { continue };
            self.accept(message).await?;
            self.forget(vec![(row.seq, row.bytes)])?;
            taken += 1;
        }
        Ok(taken)
    }

    /// Gives these up for good.
    ///
    /// # Errors
    /// The publisher has ended.
    pub fn discard_set_aside(&self, rows: &[SetAside]) -> Result<(), NotAccepted> {
        self.forget(rows.iter().map(|row| (row.seq, row.bytes)).collect())
    }

    fn forget(&self, rows: Vec<(u64, u64)>) -> Result<(), NotAccepted> {
        let sent = self.commands.send(Command::Forget(rows));
        sent.map_err(|_| NotAccepted::ShuttingDown)
    }

    /// Takes nothing more, waits for what is on its way at most this long, puts the rest into
    /// the spool and closes it. Answers what is left there for the next start.
    pub async fn shut_down(&self, deadline: Duration) -> Backlog {
        let (done, ended) = oneshot::channel();
        let close = Command::Close(Instant::now() + deadline, done);
        if self.commands.send(close).is_ok() {
            // An error means that it has ended.
            let _ = timeout(deadline + GRACE, ended).await;
        }
        if self.owns_broker {
            self.broker.close().await;
        }
        self.backlog()
    }
}

/// A message that was handed over, or refused at once.
struct Begun(Result<oneshot::Receiver<Result<Accepted, NotAccepted>>, NotAccepted>);

impl Begun {
    fn refused(refusal: NotAccepted) -> Self {
        telemetry::accepted("refused", refusal.code(), 1);
        Self(Err(refusal))
    }

    async fn answer(self) -> Result<Accepted, NotAccepted> {
        self.0?.await.unwrap_or(Err(NotAccepted::ShuttingDown))
    }
}

impl Intake for Publisher {
    fn accept(&self, message: Message) -> BoxFuture<'_, Result<Accepted, NotAccepted>> {
        Box::pin(self.begin(message, None).answer())
    }

    fn backlog(&self) -> Backlog {
        self.board.backlog()
    }

    fn issues(&self) -> Vec<String> {
        self.status().issues()
    }

    fn observe(&self) {
        telemetry::publisher_state(&self.status());
        telemetry::spool_limits(&self.spool);
    }
}
