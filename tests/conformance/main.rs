//! The laws of the seam to the broker, kept by the one inside the process, in memory and on
//! disk, and what it and the spool of a publisher keep through `kill -9`. Needs no server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "../support/mod.rs"]
mod support;

mod durable;
mod killed;
mod memory;
mod spool;

use fanout::broker::local::LocalServer;
use futures::FutureExt;
use futures::future::BoxFuture;
use support::broker_conformance::Operator;

struct Server(LocalServer);

impl Operator for Server {
    fn delete_queue<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, ()> {
        async move { assert!(self.0.delete_queue(queue), "there is a queue to delete") }.boxed()
    }
}
