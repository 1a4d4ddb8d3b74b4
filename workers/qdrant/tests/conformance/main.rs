//! The laws of the contract, on a Qdrant server behind a proxy that misbehaves on demand.
#![allow(
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "../support/mod.rs"]
mod support;

mod harness;

use harness::Target;

fanout_contract::conformance_tests!(
    Target::new().await,
    #[tokio::test]
    #[ignore = "needs Docker: run scripts/test"]
);
