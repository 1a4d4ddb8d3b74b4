//! # Projects events into Neo4j, effect once
//!
//! The way of a batch: [`mapping`] turns each event into rows for named statements (pure) →
//! [`Neo4jProcessor`] opens one transaction, enters the ids into the ledger, folds and sorts
//! the rows of the new ones, sends them in requests below 8 KiB → commit. What the server
//! answers is judged by one table (`classify`). The server itself is behind [`store`]: no
//! driver type leaves it.
//!
//! Invariant: an id whose `AppliedEvent` is committed has its effect in the graph exactly
//! once, and its follow-ups are the stored ones for ever.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod classify;
pub mod codes;
mod config;
pub mod cypher;
pub mod diagnose;
mod fold;
mod ledger;
pub mod mapping;
mod plan;
mod processor;
mod read;
mod retention;
mod statement;
pub mod store;
pub mod survey;
mod value;

pub use config::{MAX_REQUEST_BYTES, Neo4jConfig, Tls};
pub use processor::Neo4jProcessor;
pub use read::{Relation, relations_of_user};
pub use retention::{LedgerSize, ledger_size, prune_ledger};
pub use statement::{Fold, Statement};
pub use value::Value;
