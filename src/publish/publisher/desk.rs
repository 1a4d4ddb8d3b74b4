//! The publisher's side of the spool: takes messages in, gives the storage its next job,
//! answers the callers whose messages are on disk.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::lanes::{Live, Reply, Stored};
use super::tally::Tally;
use crate::publish::intake::{Accepted, NotAccepted};
use crate::publish::spool::{
    Answer, AsideQuestion, Batch, Book, Found, Insert, Job, Opened, Reason, Storage, encode,
};
use crate::redb_file::StoreError;
use crate::telemetry::{Outages, log};

/// Waits after the disk has failed: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

const ENDED: &str = "its thread has ended";

/// Someone whose message is being written.
struct Waiter {
    subject: u64,
    bytes: u64,
    reply: Reply,
}

struct Trouble {
    reason: String,
    failures: u32,
    until: Instant,
}

pub(super) struct Desk {
    storage: Storage,
    answers: mpsc::UnboundedReceiver<Answer>,
    pub(super) book: Book,
    batch: Batch,
    waiters: Vec<Waiter>,
    questions: Vec<AsideQuestion>,
    /// Those of the job under way, where there is one.
    writing: Option<Vec<Waiter>>,
    trouble: Option<Trouble>,
    outage: Outages,
    /// By reason code.
    aside: Outages,
}

impl Desk {
    pub(super) fn new(opened: Opened) -> Self {
        Self {
            storage: opened.storage,
            answers: opened.answers,
            book: opened.book,
            batch: Batch::default(),
            waiters: Vec::new(),
            questions: Vec::new(),
            writing: None,
            trouble: None,
            outage: Outages::default(),
            aside: Outages::default(),
        }
    }

    /// Takes a message in, or refuses it. `retry_after` is for a caller who finds no room.
    pub(super) fn take(
        &mut self,
        live: Live,
        retry_after: Duration,
        now: Instant,
        tally: &mut Tally,
    ) {
        if let Some(trouble) = self.trouble.as_ref().filter(|t| t.until > now) {
            let reason = trouble.reason.clone();
            return refuse(live.reply, NotAccepted::Storage(reason), tally);
        }
        let row = match encode(&live.message) {
            Ok(row) => row,
            Err(e) => return refuse(live.reply, NotAccepted::Storage(e.to_string()), tally),
        };
        let bytes = u64::try_from(row.len()).unwrap_or(u64::MAX);
        let subject = live.subject;
        let Some(seq) = self.book.reserve(subject, bytes) else {
            return refuse(live.reply, NotAccepted::Full { retry_after }, tally);
        };
        self.batch.inserts.push(Insert { seq, subject, row });
        let reply = live.reply;
        self.waiters.push(Waiter {
            subject,
            bytes,
            reply,
        });
    }

    /// The broker has it.
    pub(super) fn gone(&mut self, stored: &Stored) {
        self.book.gone(stored.subject, stored.bytes);
        self.batch.gone.push(stored.seq);
    }

    /// The broker will not take it as it is, or it cannot be read.
    pub(super) fn set_aside(&mut self, (seq, subject, bytes): (u64, u64, u64), reason: Reason) {
        let text = reason.code.len() + reason.text.len();
        let more = u64::try_from(text).unwrap_or(u64::MAX);
        self.book
            .set_aside(subject, bytes, bytes.saturating_add(more));
        if let Some(suppressed) = self.aside.again(&reason.code) {
            log::set_aside(seq, &reason.code, &reason.text, suppressed);
        }
        self.batch.aside.push((seq, reason));
    }

    /// Set aside before, and no longer wanted.
    pub(super) fn forget(&mut self, (seq, bytes): (u64, u64)) {
        self.book.forgotten(bytes);
        self.batch.forgotten.push(seq);
    }

    pub(super) fn ask(&mut self, question: AsideQuestion) {
        self.questions.push(question);
    }

    /// Gives the storage its next job where it has none. `loaded` messages of the spool are in
    /// memory; `None` = read no more.
    pub(super) fn submit(&mut self, loaded: Option<usize>, now: Instant) {
        if self.writing.is_some() || self.trouble.as_ref().is_some_and(|t| t.until > now) {
            return;
        }
        let page = loaded.and_then(|loaded| self.book.page(loaded));
        let nothing = self.batch.is_empty() && page.is_none() && self.questions.is_empty();
        if nothing && self.trouble.is_none() {
            return;
        }
        let job = Job {
            batch: std::mem::take(&mut self.batch),
            page,
            aside: std::mem::take(&mut self.questions),
        };
        let waiters = std::mem::take(&mut self.waiters);
        if self.storage.submit(job) {
            self.writing = Some(waiters);
        } else {
            self.fail(ENDED.to_owned(), now);
            self.undo(waiters);
        }
    }

    /// What the storage says about its job. Cancel by dropping.
    pub(super) async fn answer(&mut self) -> Answer {
        match self.answers.recv().await {
            Some(answer) => answer,
            None if self.writing.is_some() => Answer {
                batch: Batch::default(),
                written: Err(StoreError::Storage(ENDED.to_owned())),
                page: None,
            },
            None => std::future::pending().await,
        }
    }

    /// Tells everyone, and hands out what was read.
    pub(super) fn answered(
        &mut self,
        answer: Answer,
        now: Instant,
        tally: &mut Tally,
    ) -> Vec<Found> {
        let waiters = self.writing.take().unwrap_or_default();
        match answer.written {
            Ok(()) => {
                self.trouble = None;
                if let Some(told) = self.outage.over("") {
                    log::spool_works(told);
                }
                self.book.written(waiters.len());
                tally.spooled(waiters.len());
                for waiter in waiters {
                    waiter.reply.send(Ok(Accepted::Spooled));
                }
            }
            Err(error) => {
                self.fail(error.to_string(), now);
                self.undo(waiters);
                self.put_back(answer.batch);
            }
        }
        match answer.page {
            None => Vec::new(),
            Some(Ok(found)) => {
                self.book.read(&found);
                found
            }
            Some(Err(error)) => {
                self.fail(error.to_string(), now);
                Vec::new()
            }
        }
    }

    fn fail(&mut self, reason: String, now: Instant) {
        let failures = self.trouble.as_ref().map_or(0, |t| t.failures);
        if let Some(told) = self.outage.failed("") {
            log::spool_fails(&reason, told);
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(10));
        self.trouble = Some(Trouble {
            reason,
            failures: failures.saturating_add(1),
            until: now + pause.min(LONGEST_PAUSE),
        });
    }

    /// What could not be written is not there.
    fn undo(&mut self, waiters: Vec<Waiter>) {
        let reason = self.trouble().unwrap_or_default().to_owned();
        for waiter in waiters {
            self.book.gone(waiter.subject, waiter.bytes);
            let refusal = NotAccepted::Storage(reason.clone());
            waiter.reply.send(Err(refusal));
        }
    }

    /// What has left the spool is written with the next batch.
    fn put_back(&mut self, mut failed: Batch) {
        failed.inserts.clear();
        failed.inserts.append(&mut self.batch.inserts);
        failed.gone.append(&mut self.batch.gone);
        failed.aside.append(&mut self.batch.aside);
        failed.forgotten.append(&mut self.batch.forgotten);
        self.batch = failed;
    }

    /// Why the disk does not take anything, while it does not.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().map(|t| t.reason.as_str())
    }

    /// When it is tried again.
    pub(super) fn tries_at(&self) -> Option<Instant> {
        let trouble = self.trouble.as_ref()?;
        self.writing.is_none().then_some(trouble.until)
    }

    /// Whether nothing is being written or waits for it.
    pub(super) fn is_idle(&self) -> bool {
        self.writing.is_none() && self.batch.is_empty()
    }

    /// Closes the file.
    pub(super) async fn close(self) {
        self.storage.close().await;
    }
}

fn refuse(reply: Reply, refusal: NotAccepted, tally: &mut Tally) {
    tally.refused(refusal.code());
    reply.send(Err(refusal));
}
