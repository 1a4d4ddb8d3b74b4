//! What an operator sees of a worker: health, metrics, log lines.
//!
//! `dlq` is the dead-letter workbench. `vitals` is where everything looks: the engine's monitor and the broker's status.
//! `health` judges them, `http` and `server` serve, `metrics` records, `client` asks another
//! worker. Nothing here changes what a worker does.

mod client;
#[cfg(feature = "cli")]
pub mod dlq;
#[cfg(feature = "cli")]
pub mod doctor;
pub mod health;
mod http;
#[cfg(feature = "cli")]
pub mod log;
#[cfg(feature = "cli")]
mod management;
pub(crate) mod metrics;
pub(crate) mod probes;
mod problem;
mod process;
#[cfg(feature = "cli")]
pub mod queues;
mod server;
#[cfg(test)]
mod tests;
mod vitals;
#[cfg(feature = "cli")]
pub mod whereabouts;

pub use client::ready;
pub use http::router;
pub use metrics::{install as record_metrics, upkeep as keep_metrics_small};
pub use problem::HttpProblem;
pub use process::Usage;
pub use server::{ConnectionLimits, Peer, listen, serve, serve_until};
pub use vitals::{Moment, STALE_AFTER, Vitals};
