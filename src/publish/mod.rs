//! Way in: what a service or a file has to say reaches the broker with a confirm.
//!
//! A service has a [`Publisher`], behind the seam [`Intake`]: while the broker is away, what
//! it accepts waits in its spool on disk. Files (feature `cli`): `lines` → `ndjson` or `csv`
//! → `stamp` (ids and properties) → `send` (window and retries), in bounded memory.

mod both;
#[cfg(feature = "cli")]
mod cells;
#[cfg(feature = "cli")]
mod csv;
#[cfg(feature = "cli")]
pub mod gateway;
#[cfg(feature = "cli")]
mod ids;
mod intake;
#[cfg(feature = "cli")]
mod lines;
#[cfg(feature = "cli")]
mod ndjson;
#[cfg(feature = "outbox")]
pub mod outbox;
#[cfg(feature = "cli")]
mod pace;
mod publisher;
mod record;
#[cfg(feature = "cli")]
mod send;
#[cfg(feature = "cli")]
mod source;
mod spool;
mod stamp;
#[cfg(feature = "cli")]
mod tally;

pub use both::{Both, Twice};
#[cfg(feature = "cli")]
pub use csv::HeaderError;
#[cfg(feature = "cli")]
pub use ids::{IdSource, LINE_NAMESPACE, digest, line_id};
pub use intake::{Accepted, Backlog, Intake, NotAccepted};
#[cfg(feature = "cli")]
pub use pace::paced;
pub use publisher::{Draft, LinkState, Publisher, PublisherStatus, Refusing};
pub use record::BadLine;
#[cfg(feature = "cli")]
pub use send::{Notice, RetryPlan, send};
#[cfg(feature = "cli")]
pub use source::{Format, Item, ReadEnd, ReadOptions, read};
pub use spool::{SetAside, SpoolError, SpoolFolder, SpoolRecovery};
pub use stamp::{RawEvent, Stamped, Stamper};
#[cfg(feature = "cli")]
pub use tally::{Problem, Tally};
