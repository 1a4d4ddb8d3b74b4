//! Way in: files become messages, messages reach the broker with a confirm.
//!
//! `lines` → `ndjson` or `csv` → `stamp` (ids and properties) → `send` (window and retries).
//! Memory is bounded whatever the input: by the longest line and the bytes in flight.

mod cells;
mod csv;
mod ids;
mod intake;
mod lines;
mod ndjson;
#[cfg(feature = "outbox")]
pub mod outbox;
mod record;
mod send;
mod source;
mod stamp;
mod tally;

pub use csv::HeaderError;
pub use ids::{IdSource, LINE_NAMESPACE, digest, line_id};
pub use intake::{Accepted, Backlog, Intake, NotAccepted};
pub use record::BadLine;
pub use send::{Notice, RetryPlan, send};
pub use source::{Format, Item, ReadEnd, ReadOptions, read};
pub use stamp::Stamper;
pub use tally::{Problem, Tally};
