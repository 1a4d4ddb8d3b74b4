//! Direct mode (`USE_RABBITMQ=false`): the broker and all processors inside this program.

use std::collections::BTreeMap;

use fanout::broker::local::{LocalServer, LocalStore, OpenError};
use fanout::config::Loaded;
use fanout::engine::{Counts, Shutdown};
use fanout::topology::Topology;
use fanout::worker::{Direct, Worker, WorkerError};

use crate::exit::{CommandError, Exit};
use crate::registry;

/// The broker in its folder, and every configured queue at work.
pub(crate) struct InProcess {
    pub(crate) server: LocalServer,
    pub(crate) direct: Direct,
    shutdown: Shutdown,
}

/// What each queue did, by its key, and how many messages are left for the next start.
pub(crate) type Ended = (Result<BTreeMap<String, Counts>, CommandError>, usize);

impl InProcess {
    pub(crate) async fn open(loaded: &Loaded) -> Result<Self, CommandError> {
        let config = &loaded.config;
        let topology = Topology::from_config(config);
        let dir = &config.broker.local_dir;
        let server = LocalServer::open(dir, topology, LocalStore::default()).await;
        let (server, shutdown) = (server.map_err(cannot_open)?, Shutdown::new());
        let worker = registry::processors(Worker::new("fanout"));
        let direct = worker.direct(config, &loaded.origins, &server, &shutdown);
        Ok(Self {
            direct: direct.map_err(|errors| CommandError::new(Exit::Configuration, errors))?,
            server,
            shutdown,
        })
    }

    /// Settles what is in flight and closes the broker; the rest stays in the folder.
    pub(crate) async fn drain(self) -> Ended {
        self.shutdown.drain();
        let left = self.direct.leftover();
        let ended = self.direct.ended().await.map_err(failed);
        let waiting = left.count();
        self.server.shut_down().await;
        (ended, waiting)
    }
}

fn cannot_open(error: OpenError) -> CommandError {
    let hint = match error {
        OpenError::InUse { .. } => {
            "stop that program, or name another folder with FANOUT_LOCAL_DIR"
        }
        _ => "FANOUT_LOCAL_DIR names the folder",
    };
    CommandError::new(Exit::Configuration, error).hint(hint)
}

fn failed(error: WorkerError) -> CommandError {
    let exit = match error.exit_code() {
        3 => Exit::Configuration,
        4 => Exit::StartUp,
        6 => Exit::DrainDeadline,
        130 => Exit::Aborted,
        _ => Exit::RunTime,
    };
    CommandError::new(exit, error).hint("what was published is kept and goes on with the next run")
}
