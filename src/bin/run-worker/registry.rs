//! The processors that this program has, one line each.

use fanout::worker::Worker;

#[cfg(feature = "neo4j")]
mod neo4j;
#[cfg(feature = "qdrant")]
mod qdrant;

/// Registers each processor that was compiled in.
pub(crate) fn processors(worker: Worker) -> Worker {
    #[cfg(feature = "neo4j")]
    let worker = worker.processor("neo4j", neo4j::build);
    #[cfg(feature = "qdrant")]
    let worker = worker.processor("qdrant", qdrant::build);
    worker
}
