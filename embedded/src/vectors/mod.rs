//! A vector store that speaks Qdrant's gRPC protocol over Qdrant Edge.
//!
//! The Qdrant processor and the commands that search talk to it as to a server, on a loopback
//! port or in a container. It answers the calls that they make, with the real server's status
//! codes, and refuses the others as `Unimplemented`. Beside the server in front (`server`),
//! each call goes through `service`, is put into the engine's terms by `convert`, and ends at a
//! `collection` with its `journal`.
//!
//! Invariant: what was answered as done is there after a crash of the process.

mod collection;
mod convert;
mod error;
mod journal;
mod server;
mod service;
mod store;

pub use error::VectorStoreError;
pub use server::{VectorServer, VectorServerConfig};
