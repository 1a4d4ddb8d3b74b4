//! The rules of ARCHITECTURE.md and CONTRIBUTING.md that a machine can check.
//!
//! Needs nothing: it reads manifests, sources and documents as text. Every rule is a test of
//! its own and says where it is broken and what to do instead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "architecture/dependencies.rs"]
mod dependencies;
#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/hygiene.rs"]
mod hygiene;
#[path = "architecture/operations.rs"]
mod operations;
#[path = "architecture/reasons.rs"]
mod reasons;
#[path = "architecture/repository.rs"]
mod repository;
#[path = "architecture/shape.rs"]
mod shape;
#[path = "architecture/told.rs"]
mod told;
