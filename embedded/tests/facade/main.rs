//! The vector store as its users meet it: over the wire, with Qdrant's own client.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod changes;
mod collections;
mod crash;
mod filters;
mod refusals;
mod searches;
mod support;
