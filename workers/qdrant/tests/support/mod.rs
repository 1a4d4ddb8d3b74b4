//! A Qdrant server in a container, shared by the tests of a binary, and what they ask it.

#[path = "../../../../tests/support/docker.rs"]
pub(crate) mod docker;
pub(crate) mod events;
#[path = "../../../../tests/support/lines.rs"]
pub(crate) mod lines;
pub(crate) mod proxy;
pub(crate) mod server;

pub(crate) use server::Server;

use fanout_contract::Processor;
use fanout_qdrant::{QdrantConfig, QdrantProcessor};

/// A processor, made ready.
pub(crate) async fn ready(config: QdrantConfig) -> QdrantProcessor {
    let processor = QdrantProcessor::new(config).unwrap();
    processor.prepare().await.unwrap();
    processor
}
