//! `run-worker` as its user meets it. Needs no server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod address;
mod broker_away;
mod check;
mod configuration;
#[path = "../support/lines.rs"]
mod lines;
mod log;
mod program;
mod usage;
