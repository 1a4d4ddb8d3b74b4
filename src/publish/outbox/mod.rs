//! The transactional outbox: rows that a service has committed become confirmed messages.
//!
//! `relay` connects, `shift` is its loop: `slots` says whose aggregates are ours, `rows` takes
//! and marks them, `message` makes messages of them, `batch` publishes them, `monitor` is
//! looked at by `health`. `session` is the connection: a lost one is replaced by a new one.
//!
//! Invariant: a row is marked only after the broker's confirm, and the next row of its
//! aggregate is published only after that.

mod batch;
mod error;
mod flood;
mod health;
mod message;
mod monitor;
mod relay;
mod rows;
mod session;
mod shift;
mod slots;
mod table;
mod tls;

pub use error::OutboxError;
pub use health::{Service, router};
pub use monitor::{Monitor, Snapshot};
pub use relay::{Ended, Relay};
pub use slots::SLOTS;
pub use table::Table;

use crate::config::OutboxConfig;

/// Makes or completes the table of the configuration, its indexes and its trigger. May be
/// repeated. Every statement has a deadline; cancel by dropping: all or nothing is applied.
///
/// # Errors
/// The database cannot be reached, refuses, or the deadline has passed.
pub async fn apply(config: &OutboxConfig, notify: bool) -> Result<(), OutboxError> {
    let (client, driver) = session::connect(config).await?;
    let migration = Table::of(config).migration(notify);
    let applied = session::within(config.call_timeout, client.batch_execute(&migration)).await;
    drop(client);
    // Says goodbye to the server; bounded, as everything.
    let _ = tokio::time::timeout(config.call_timeout, driver).await;
    applied
}
