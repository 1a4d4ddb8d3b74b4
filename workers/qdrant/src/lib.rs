//! # Projects events into Qdrant: products, interactions, profiles
//!
//! The way of a batch: `mapping` says what each event changes (pure) → [`QdrantProcessor`]
//! writes the ends of users, then products, then interactions, then folds the profiles of all
//! who were touched. What the server answers is judged by one table (`classify`). The server
//! itself is behind [`store`]: no driver type leaves it.
//!
//! Invariant: what an event wrote, a repeat writes again at the same place; versions are
//! compared and swapped by the server. So everything may be repeated, by anybody, at any time.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod cache;
mod classify;
pub mod codes;
mod config;
pub mod diagnose;
mod fold;
mod histories;
mod id;
mod mapping;
mod payload;
mod plan;
pub mod points;
mod processor;
mod products;
mod profiles;
pub mod store;
mod sweep;
mod traces;
mod vector;

pub use config::{QdrantConfig, Tls, Weights};
pub use id::{Collection, Id};
pub use mapping::KINDS;
pub use processor::QdrantProcessor;
