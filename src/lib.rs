//! A fan-out worker runtime for database projections.
//!
//! ```text
//! publisher ─▶ exchange ─▶ queue per projection ─▶ lane ─▶ processor ─▶ database
//!                                 ▲                  │
//!                                 └── retry stages ◀─┴─▶ dead-letter queue
//! ```
//!
//! The folders, read from the left, are the way of an event: `topology` and [`broker`]
//! bring it, `codec` reads it, `engine` takes it through a processor, `recovery` decides
//! what becomes of it.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

/// Compiles the code of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod broker;
pub mod codec;
pub mod config;
pub mod engine;
mod folder_lock;
pub mod operate;
pub mod publish;
pub mod recovery;
mod redb_file;
pub mod telemetry;
pub mod testing;
pub mod topology;
pub mod worker;
