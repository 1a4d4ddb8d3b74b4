//! The one trait a processor implements.

use futures::future::BoxFuture;
use std::num::NonZeroUsize;

use crate::applied::Applied;
use crate::batch::Batch;
use crate::event::EventId;
use crate::failure::Failure;
use crate::outcome::Outcomes;

/// Projects batches of events into a destination.
///
/// The runtime owns everything else: consuming, decoding, batching, deadlines, panics,
/// bisection of failed batches, retry stages, dead letters, the breaker, acknowledgement
/// and shutdown. A processor only writes, and says truthfully what became of each event.
///
/// It is shared by all lanes and called from several tasks at once, up to [`concurrency`].
///
/// [`concurrency`]: Processor::concurrency
pub trait Processor: Send + Sync + 'static {
    /// Name for logs, metrics and health, such as `neo4j`. Constant for a value's lifetime.
    fn name(&self) -> &str;

    /// Makes the destination ready and verifies that it is: constraints, indexes,
    /// collections, the server's version, credentials.
    ///
    /// *When*: before the first batch, and again as the breaker's probe after an outage, so
    /// it must be idempotent and must go the way a write goes: a destination that answers
    /// reads but no writes is not ready. *Default*: ready at once.
    ///
    /// # Errors
    /// *Unavailable*: the runtime tries again. *Permanent*: a configuration error (wrong
    /// password, missing privilege, wrong dimension), which ends the program at start-up
    /// and counts as unavailable later.
    ///
    /// *Cancellation*: may be dropped at any await.
    fn prepare(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    /// Applies a batch and answers with one verdict for each event.
    ///
    /// *Arguments*: the events in arrival order; the same id may occur more than once, and
    /// any event may have been applied before (law L1).
    ///
    /// *Returns*: [`Outcomes`] built from this batch. Say *applied* only after the
    /// destination has confirmed (law L3); give each bad event its own failure and still
    /// apply its neighbours (law L5).
    ///
    /// # Errors
    /// `Err` speaks for the whole batch: nothing is known to be applied. A *permanent* or
    /// *transient* one makes the runtime halve the batch until the bad events are alone; an
    /// *unavailable* one gives the batch back uncounted and pauses.
    ///
    /// *Deadline*: the runtime drops the call after `deadline` (30 s by default), so do not
    /// retry in here for longer than milliseconds (law L7).
    ///
    /// *Cancellation*: may be dropped at any await; a repeat must converge (law L6).
    ///
    /// *Panic*: is caught and counts as transient, code `panic` (law L9).
    ///
    /// *The usual mistake*: answering *applied* for an event that a statement silently
    /// dropped. Let the destination return what it handled, and leave the rest unsettled.
    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>>;

    /// Tells which of these events are applied. Reads only.
    ///
    /// *When*: somebody asks where an event is, or waits until it is there; possibly from
    /// another process than the one that applies, several times a second, and while batches
    /// are written. It must not take their turn. The runtime itself asks for an id that no
    /// event has, where nothing was heard of the destination for 30 s: whether it answers.
    ///
    /// *Arguments*: event ids as they stand in events; at most 1,000 of them. What belongs to
    /// another projection in the same store is not told as applied. None at all: whether it
    /// can tell, without a call to the destination.
    ///
    /// *Returns*: a trace for each id, in their order (law L11). What was answered *applied*
    /// stays told as applied for as long as the destination keeps its ledger; afterwards it
    /// is told as not applied. *Default*: it cannot tell.
    ///
    /// # Errors
    /// As [`process`](Processor::process) has them. *Deadline*: the caller's, who drops the
    /// call. *Cancellation*: may be dropped at any await.
    ///
    /// *The usual mistake*: answering *not applied* for an event that would leave no trace.
    fn applied<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, Result<Applied, Failure>> {
        let _ = ids;
        Box::pin(async { Ok(Applied::CannotTell) })
    }

    /// How many calls of [`process`](Processor::process) may run at once in this program;
    /// the others wait for their turn, and a call's deadline starts with its turn.
    ///
    /// *Default*: `None`, no limit but the lanes' own. Answer 1 where parallel writers only
    /// wait for each other's locks.
    fn concurrency(&self) -> Option<NonZeroUsize> {
        None
    }

    /// Called once at the end, after the last batch. Failures here have no consequence.
    /// *Default*: nothing.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// Compile-time proof that the trait stays object safe: a registry of boxed processors is
/// the point of it.
const _: fn(&dyn Processor) = |_| {};
