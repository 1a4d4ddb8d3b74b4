//! The engine on the broker in this process, on paused time, under seeded faults.
//!
//! `seeds` runs random worlds and asserts conservation; `scenarios` tell one story each.
//! `FANOUT_SIM_SEEDS` sets how many worlds (default 1,000), `FANOUT_SIM_SEED` runs one.
//!
//! A failing seed, step by step:
//! `RUSTFLAGS="--cfg tokio_unstable" FANOUT_SIM_SEED=n cargo test --test simulation --target-dir target/unstable seeds`
#![allow(
    unexpected_cfgs,
    reason = "tokio_unstable is a flag of tokio's, not of ours"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "a test binary: nothing here is reachable from outside"
)]

mod events;
#[path = "../support/lines.rs"]
mod lines;
mod oracle;
mod processor;
mod scenarios;
mod seeds;
mod store;
mod world;
