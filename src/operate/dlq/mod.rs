//! The dead-letter workbench: look into a dead-letter queue, and mend what lies in it.
//!
//! ```text
//! walk: every message once, nothing consumed ─▶ letter ─▶ filter ─┬─▶ page, groups, one letter
//!                                                                 └─▶ replay, redirect, purge, …
//! ```
//!
//! Over the seam [`Broker`](crate::broker::Broker), so on RabbitMQ and on the local broker
//! alike. Invariant: a dead letter leaves its queue only after what takes its place is
//! confirmed, and nothing is changed without an entry in the audit log before.

mod applied;
mod audit;
mod bench;
mod canary;
mod deaths;
mod edit;
mod error;
mod filter;
mod fingerprint;
mod first;
mod groups;
mod letter;
mod looked;
mod moving;
mod page;
mod plan;
mod replay;
mod report;
mod stamp;
mod transfer;
mod view;
mod walk;
mod wire;

pub use audit::{Audit, AuditEntry, AuditError, Stage};
pub use bench::{Applied, Progress, Workbench};
pub use canary::{Canary, CanaryStop};
pub use edit::{Mended, SchemaCheck, laid_out, with_values};
pub use error::DlqError;
pub use filter::{Filter, point_in_time};
pub use fingerprint::normalised;
pub use groups::{Group, Groups};
pub use letter::{DeadLetter, HistoryEntry};
pub use looked::Looked;
pub use page::{Listing, Page};
pub use plan::ReplayPlan;
pub use report::{ReplayReport, Replayed, Stop};
pub use transfer::ImportReport;
pub use view::{Detail, Summary};

#[cfg(test)]
mod tests;
