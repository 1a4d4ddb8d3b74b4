//! What keeps a store from being opened.

use std::path::PathBuf;

/// Why the vector store could not be opened or served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VectorStoreError {
    /// A file or a socket.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Another process has the folder open.
    #[error("the folder {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The CPU is none that the engine is compiled for.
    #[error("the vector engine needs a CPU with AVX2")]
    Cpu,
    /// The engine refused its files.
    #[error("the vector engine: {0}")]
    Engine(#[from] qdrant_edge::OperationError),
    /// The API key holds what a header cannot.
    #[error("the API key is no visible ASCII text")]
    ApiKey,
    /// The server ended by itself.
    #[error("the server stopped: {0}")]
    Served(String),
}
