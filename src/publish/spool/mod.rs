//! What was accepted while the broker could not take it: on disk, in order, bounded.
//!
//! `store` is the file (redb, one transaction with one fsync a write), `storage` the thread
//! that owns it, `open` its lock and what was found in it, `book` the account of what is in it
//! without the messages. The publisher's core drives it: one job at a time, and what gathers
//! meanwhile goes into the next.
//!
//! Invariant: a caller hears of a message once its write is synchronised; a message leaves the
//! file after its confirm, so that a crash repeats and never loses.

mod book;
mod folder;
mod open;
mod record;
mod storage;
mod store;
#[cfg(test)]
pub(super) mod tests;

pub(super) use book::Book;
pub use folder::SpoolFolder;
#[cfg(test)]
pub(super) use open::open_inline;
pub(super) use open::{Opened, open};
pub use open::{SpoolError, SpoolRecovery};
pub use record::SetAside;
pub(super) use record::{Reason, encode};
pub(super) use storage::{Answer, AsideQuestion, Job, Storage};
pub(super) use store::{Batch, Found, Insert};
