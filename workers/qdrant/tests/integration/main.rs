//! The processor against a Qdrant server.
#![allow(
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "../support/mod.rs"]
mod support;

mod entities;
mod preparing;
mod profiles;
mod refusals;
mod traces;
