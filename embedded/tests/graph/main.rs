//! The graph inside the process, under the Neo4j processor: the laws of the contract, what a
//! server would hold, and kills of the process.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod crash;
mod entities;
mod harness;
mod interactions;
mod support;

use harness::Target;

fanout_contract::conformance_tests!(
    Target::new(),
    #[tokio::test]
);
