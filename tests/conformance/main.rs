//! The laws of the seam to the broker, kept by the one inside the process. Needs no server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;

use fanout::broker::local::LocalServer;
use fanout::topology::Topology;
use futures::FutureExt;
use futures::future::BoxFuture;
use support::broker_conformance::{self as laws, Operator, Subject, broker_laws};

struct Server(LocalServer);

impl Operator for Server {
    fn delete_queue<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, ()> {
        async move { assert!(self.0.delete_queue(queue), "there is a queue to delete") }.boxed()
    }
}

fn subject(topology: Topology) -> Subject {
    let server = LocalServer::start(topology);
    Subject {
        broker: Arc::new(server.connect()),
        operator: Arc::new(Server(server)),
    }
}

macro_rules! tests {
    ($($law:ident)*) => { $(
        #[tokio::test(start_paused = true)]
        async fn $law() {
            laws::$law(&subject(laws::topology())).await;
        }
    )* };
}
broker_laws!(tests);
