//! Broker, graph and vectors in one folder, inside this process.

use std::path::{Path, PathBuf};

use fanout::broker::local::{LocalServer, LocalStore};
use fanout::topology::Topology;
use fanout_embedded::graph::EmbeddedGraph;
use fanout_embedded::vectors::{VectorServer, VectorServerConfig};
use tempfile::TempDir;

use crate::exit::{CommandError, Exit};

/// Everything that keeps something.
pub(super) struct Stores {
    pub(super) broker: LocalServer,
    pub(super) graph: EmbeddedGraph,
    pub(super) vectors: VectorServer,
    /// Whether there was something in the folder before.
    pub(super) existed: bool,
    folder: Folder,
}

enum Folder {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

impl Stores {
    /// Opens the folder, or one that is gone afterwards.
    pub(super) async fn open(
        keep: Option<PathBuf>,
        topology: Topology,
    ) -> Result<Self, CommandError> {
        let folder = match keep {
            Some(path) => Folder::Kept(path),
            None => Folder::Temporary(TempDir::with_prefix("fanout-demo-").map_err(cannot)?),
        };
        let path = folder.path();
        let broker = LocalServer::open(path.join("broker"), topology, LocalStore::default());
        let broker = broker.await.map_err(cannot)?;
        let file = graph_in(path);
        let graph = tokio::task::spawn_blocking(move || EmbeddedGraph::open(&file));
        let graph = graph.await.map_err(cannot)?.map_err(cannot)?;
        let vectors = VectorServer::start(VectorServerConfig::new(vectors_in(path)));
        Ok(Self {
            existed: broker.recovery().existed,
            vectors: vectors.await.map_err(cannot)?,
            broker,
            graph,
            folder,
        })
    }

    /// The folder, where it is kept.
    pub(super) fn kept(&self) -> Option<&Path> {
        match &self.folder {
            Folder::Kept(path) => Some(path),
            Folder::Temporary(_) => None,
        }
    }

    /// Writes what is left and gives the folder free.
    pub(super) async fn close(self) -> Result<(), CommandError> {
        self.broker.shut_down().await;
        self.vectors.stop().await.map_err(cannot)
    }
}

/// Where the graph is in a kept folder.
pub(crate) fn graph_in(folder: &Path) -> PathBuf {
    folder.join("graph").join("graph.redb")
}

/// Where the vectors are in a kept folder.
pub(crate) fn vectors_in(folder: &Path) -> PathBuf {
    folder.join("vectors")
}

fn cannot(error: impl std::fmt::Display) -> CommandError {
    CommandError::new(Exit::StartUp, error)
        .hint("name another folder with --keep DIR, or none to use a temporary one")
}
