//! A Neo4j server in a container, shared by the tests of a binary, and what they ask it.

pub(crate) mod events;
pub(crate) mod graph;
pub(crate) mod server;

pub(crate) use graph::Probe;
pub(crate) use server::Server;
