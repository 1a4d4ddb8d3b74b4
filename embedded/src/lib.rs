//! # Stores inside the process
//!
//! What `fanout demo` and tests without servers write to: [`graph`], a property graph behind
//! the seam of the Neo4j processor, and [`vectors`], a vector store that speaks Qdrant's
//! protocol over Qdrant Edge. The processors in front of them are the ones of production and do
//! not know the difference.
//!
//! Needs a CPU with AVX2 on x86-64: the vector engine is compiled for it.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

pub mod graph;
pub mod vectors;
