//! The worker and real servers, while one or the other is killed, stopped or cut off.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "../support/mod.rs"]
mod support;

mod broker;
mod crashes;
mod destination;
mod gateway;
#[path = "../gateway/program.rs"]
mod gateway_program;
mod killer;
mod projection;
mod rig;
mod shop;
#[path = "../worker/program.rs"]
mod worker_program;
