//! The gateway over real connections, in front of the broker inside the process. Needs no
//! server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod client;
mod cloud_events;
#[cfg(feature = "otlp")]
#[path = "../support/collector.rs"]
mod collector;
mod dlq;
mod document;
mod drain;
mod events;
mod intake;
mod limits;
#[path = "../support/lines.rs"]
mod lines;
mod log;
mod malformed;
mod ndjson;
mod probes;
mod queues;
mod refusals;
mod rig;
mod slow;
mod tokens;
#[cfg(feature = "otlp")]
mod traces;
mod wait;
