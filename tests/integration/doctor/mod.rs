//! `fanout doctor` against real servers: what was planted is found, what is well is not.

mod healthy;
mod mending;
mod planted;
mod rig;
#[cfg(all(feature = "neo4j", feature = "qdrant"))]
mod stores;
