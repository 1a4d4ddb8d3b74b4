//! The `fanout` program as its user meets it. Needs no server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "cli/arguments.rs"]
mod arguments;
#[path = "cli/configuration.rs"]
mod configuration;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/dlq.rs"]
mod dlq;
#[path = "cli/doctor.rs"]
mod doctor;
#[cfg(feature = "outbox")]
#[path = "cli/handbook.rs"]
mod handbook;
#[cfg(feature = "neo4j")]
#[path = "cli/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;
#[path = "cli/log.rs"]
mod log;
#[cfg(feature = "outbox")]
#[path = "cli/outbox.rs"]
mod outbox;
#[path = "cli/program.rs"]
mod program;
#[path = "cli/serve.rs"]
mod serve;
#[path = "cli/servers.rs"]
mod servers;
#[path = "cli/spool.rs"]
mod spool;
#[path = "cli/topology.rs"]
mod topology;
