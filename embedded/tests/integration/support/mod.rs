//! The containers, as all packages start it.
#![allow(dead_code)]

#[path = "../../../../tests/support/docker.rs"]
pub mod docker;
#[path = "../../../../tests/support/neo4j.rs"]
pub mod neo4j;
#[path = "../../../../tests/support/proxy.rs"]
pub mod proxy;
#[path = "../../../../tests/support/qdrant.rs"]
pub mod qdrant;
