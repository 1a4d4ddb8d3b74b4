//! Against real servers in containers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "../support/mod.rs"]
mod support;

mod broker;
mod commands;
mod dashboard;
#[cfg(all(feature = "neo4j", feature = "qdrant"))]
mod direct;
mod dlq;
mod doctor;
mod engine;
#[path = "../gateway/program.rs"]
mod gateway_program;
#[cfg(feature = "neo4j")]
mod image;
#[cfg(feature = "neo4j")]
mod ledger;
#[cfg(all(feature = "neo4j", feature = "qdrant"))]
mod modes;
#[cfg(feature = "outbox")]
mod outbox;
#[cfg(feature = "neo4j")]
mod pauses;
#[path = "../cli/program.rs"]
mod program;
mod publish;
mod publisher;
#[cfg(feature = "qdrant")]
mod qdrant;
#[cfg(feature = "neo4j")]
mod roles;
mod serve;
#[cfg(feature = "otlp")]
mod traces;
#[cfg(feature = "neo4j")]
mod where_is;
mod worker;
#[path = "../worker/program.rs"]
mod worker_program;
