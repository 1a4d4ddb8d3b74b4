//! Against servers: what tests rely on with either image of Qdrant, the official one or the
//! stand-in made from here; and the embedded graph beside a Neo4j.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod parity;
mod server;
mod support;
