//! The stores of a folder that `fanout demo --keep DIR` has left.

use std::path::Path;

use fanout_embedded::graph::EmbeddedGraph;
use fanout_embedded::vectors::{VectorServer, VectorServerConfig, VectorStoreError};

use crate::demo;
use crate::exit::{CommandError, Exit};

pub(super) async fn vectors(folder: &Path) -> Result<VectorServer, CommandError> {
    let place = there(demo::vectors_in(folder))?;
    let server = VectorServer::start(VectorServerConfig::new(place));
    server.await.map_err(|error| cannot(&error))
}

pub(super) fn closed(closed: Result<(), VectorStoreError>) -> Result<(), CommandError> {
    closed.map_err(|error| cannot(&error))
}

pub(super) async fn graph(folder: &Path) -> Result<EmbeddedGraph, CommandError> {
    let file = there(demo::graph_in(folder))?;
    let opening = tokio::task::spawn_blocking(move || EmbeddedGraph::open(&file));
    let opened = opening.await.map_err(|error| cannot(&error))?;
    opened.map_err(|error| cannot(&error))
}

/// Opening would make what is missing.
fn there(place: std::path::PathBuf) -> Result<std::path::PathBuf, CommandError> {
    if place.exists() {
        return Ok(place);
    }
    let message = format!("nothing is kept at {}", place.display());
    Err(CommandError::new(Exit::StartUp, message)
        .hint("fanout demo --keep DIR makes such a folder"))
}

fn cannot(error: &dyn std::fmt::Display) -> CommandError {
    CommandError::new(Exit::StartUp, format!("cannot open it: {error}"))
        .hint("does another program, such as fanout demo, use the folder?")
}
