//! A property graph inside the process, behind the seam of the Neo4j processor.
//!
//! It knows the statements of [`fanout_neo4j::cypher`] by their texts and does by hand what
//! they say (`statement` → `ledger`, `interaction`, `entity`), in ACID transactions of redb
//! over the tables of `table`. Beside them stand the reads that a demonstration needs.
//!
//! Invariant: an operation leaves in the tables what its Cypher leaves in a server; the tests
//! hold both to the same events. Writers take turns, commits are on the disk when they return.

mod entity;
mod error;
mod id;
mod interaction;
mod ledger;
mod property;
mod read;
mod relations;
mod statement;
mod store;
mod table;
mod transaction;

pub use error::GraphError;
pub use id::GraphId;
pub use interaction::Kind;
pub use read::{Counts, Product, Relation};
pub use store::EmbeddedGraph;
