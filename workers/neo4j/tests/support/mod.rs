//! A Neo4j server in a container, shared by the tests of a binary, and what they ask it.

#[path = "../../../../tests/support/docker.rs"]
pub(crate) mod docker;
pub(crate) mod events;
pub(crate) mod graph;
#[path = "../../../../tests/support/lines.rs"]
pub(crate) mod lines;
pub(crate) mod proxy;
pub(crate) mod server;

pub(crate) use graph::Probe;
pub(crate) use proxy::{Mode, Proxy};
pub(crate) use server::Server;

use fanout_contract::Processor;
use fanout_neo4j::{Neo4jConfig, Neo4jProcessor};
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Asks until the answer is yes; after the deadline the test fails with `what`.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ask().await {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        // sleep: between two looks; the deadline is above
        sleep(Duration::from_millis(20)).await;
    }
}

/// A processor with the default mapping, made ready.
pub(crate) async fn ready(config: Neo4jConfig) -> Neo4jProcessor {
    let processor = Neo4jProcessor::new(config).unwrap();
    processor.prepare().await.unwrap();
    processor
}
