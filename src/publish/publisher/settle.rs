//! What an outcome means for a message, its caller, and those behind it.

use std::cmp::Reverse;
use std::sync::Arc;

use tokio::time::Instant;

use super::lanes::{Item, Live, Stored};
use super::status::Refusal;
use super::task::Core;
use crate::broker::{Message, PublishError};
use crate::publish::intake::{Accepted, NotAccepted};
use crate::publish::spool::{Found, Reason};
use crate::telemetry::log;

/// How often a message of the spool is tried where no queue takes it: bindings may be about
/// to come back.
const UNROUTABLE_TRIES: u32 = 3;

/// What an error means for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It may be taken later.
    Later,
    /// An operator or the caller has to change something; others may pass.
    Misplaced,
    /// It never will be taken as it is.
    Never,
}

fn verdict(error: &PublishError) -> Verdict {
    match error {
        PublishError::Refused | PublishError::NotConnected(_) | PublishError::TimedOut(_) => {
            Verdict::Later
        }
        PublishError::Unroutable { .. }
        | PublishError::NoExchange(_)
        | PublishError::AccessRefused(_) => Verdict::Misplaced,
        PublishError::TooLarge { .. }
        | PublishError::HeadersTooLarge { .. }
        | PublishError::Invalid(_) => Verdict::Never,
    }
}

impl Core {
    pub(super) fn settle(&mut self, item: Item, result: Result<(), PublishError>) {
        match (item, result) {
            (item, Ok(())) => self.confirmed(item),
            (Item::Live(live), Err(error)) => self.live_failed(live, error),
            (Item::Stored(stored), Err(error)) => self.stored_failed(stored, error),
        }
    }

    fn confirmed(&mut self, item: Item) {
        self.gate.succeeded();
        if let Some(told) = self.refused.over("") {
            log::publishing_again(told);
        }
        self.refusal = None;
        let subject = item.subject();
        match item {
            Item::Live(live) => {
                self.tally.confirmed();
                live.reply.send(Ok(Accepted::Confirmed));
            }
            Item::Stored(stored) => {
                self.tally.drained();
                self.desk.gone(&stored);
            }
        }
        self.lanes.done(subject);
    }

    /// The caller hears at once of what waiting does not mend; everything else goes to disk,
    /// with all that waits behind it.
    fn live_failed(&mut self, live: Box<Live>, error: PublishError) {
        let subject = live.subject;
        if verdict(&error) != Verdict::Later {
            let refusal = NotAccepted::Broker(error);
            self.tally.refused(refusal.code());
            live.reply.send(Err(refusal));
            return self.lanes.done(subject);
        }
        self.not_taken(&live.message, &error);
        let behind = self.lanes.take_live(subject);
        self.lanes.done(subject);
        self.park(*live);
        for live in behind {
            self.park(live);
        }
    }

    /// Nobody waits for its answer any more: it stays at the head, or is set aside.
    fn stored_failed(&mut self, mut stored: Box<Stored>, error: PublishError) {
        let unroutable = matches!(error, PublishError::Unroutable { .. });
        stored.unroutable += u32::from(unroutable);
        let hopeless = match verdict(&error) {
            Verdict::Later => false,
            Verdict::Never => true,
            Verdict::Misplaced => unroutable && stored.unroutable >= UNROUTABLE_TRIES,
        };
        if hopeless {
            self.tally.problem(error.code());
            let reason = Reason::now(error.code(), error.to_string());
            let place = (stored.seq, stored.subject, stored.bytes);
            self.desk.set_aside(place, reason);
            // The broker has answered: the next may go.
            self.gate.succeeded();
            self.refusal = None;
            return self.lanes.done(stored.subject);
        }
        self.not_taken(&stored.message, &error);
        if self.closing.is_some() {
            self.lanes.done(stored.subject);
        } else {
            self.lanes.put_back(stored);
        }
    }

    fn not_taken(&mut self, message: &Message, error: &PublishError) {
        self.tally.problem(error.code());
        self.gate.failed(Instant::now());
        let known = self.refusal.as_ref();
        if let Some(told) = self.refused.failed("") {
            log::publishing_refused(message, error, told);
        }
        if !known.is_some_and(|known| known.is_of(message, error)) {
            let refusal = Refusal::new(message, error.clone(), &self.topology);
            self.refusal = Some(Arc::new(refusal));
        }
    }

    /// The outcome of everything on its way is unknown: it is sent again, through the spool.
    pub(super) fn abandon(&mut self) {
        let (mut lives, mut stored) = (Vec::new(), Vec::new());
        for item in self.flights.abandon() {
            match item {
                Item::Live(live) => lives.push(*live),
                Item::Stored(one) => stored.push(one),
            }
        }
        for live in lives {
            let behind = self.lanes.take_live(live.subject);
            self.lanes.done(live.subject);
            self.park(live);
            for live in behind {
                self.park(live);
            }
        }
        // The first of them shall be the first again.
        stored.sort_by_key(|one| Reverse(one.seq));
        for one in stored {
            if self.closing.is_some() {
                self.lanes.done(one.subject);
            } else {
                self.lanes.put_back(one);
            }
        }
    }

    /// A message was read from the spool.
    pub(super) fn found_one(&mut self, found: Found) {
        let Found {
            seq,
            subject,
            bytes,
            message,
        } = found;
        match message {
            Some(_) if self.closing.is_some() => {}
            Some(message) => self.lanes.push(Item::Stored(Box::new(Stored {
                seq,
                subject,
                bytes,
                message,
                unroutable: 0,
            }))),
            None => {
                let text = "its bytes make no message".to_owned();
                let reason = Reason::now("spool-damaged", text);
                self.desk.set_aside((seq, subject, bytes), reason);
            }
        }
    }
}
