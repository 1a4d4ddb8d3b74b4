//! The processor against a real Neo4j.
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

mod effects_once;
mod entities;
mod interactions;
mod outages;
mod preparing;
mod tls;
