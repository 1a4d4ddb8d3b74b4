//! Direct mode: every configured queue in this process, on a broker inside of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fanout_contract::Processor;
use tokio_util::task::AbortOnDropHandle;

use super::run::Job;
use super::{Worker, WorkerError};
use crate::broker::local::LocalServer;
use crate::codec::Codec;
use crate::config::{Config, ConfigErrors, Origins};
use crate::engine::{Counts, Engine, EngineError, Monitor, Shutdown};
use crate::topology::names;

/// Between two looks at what waits.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The queues of a broker inside this process, each at work with its processor.
///
/// Retries, dead letters and the order of settlement are those of [`Worker::run`]. Dropping
/// it aborts: what was in flight is delivered again at the next start.
#[derive(Debug)]
pub struct Direct {
    queues: Vec<DirectQueue>,
    leftover: Leftover,
    shutdown: Shutdown,
}

/// Counts the messages that are not done; also once the queues have ended.
#[derive(Clone, Debug)]
pub struct Leftover {
    server: LocalServer,
    /// Dead letters are done, pauses are no events.
    aside: BTreeSet<String>,
}

impl Leftover {
    /// Messages in queues, retry stages, suspects and in flight. Dead letters are done.
    pub fn count(&self) -> usize {
        let all = self.server.queues();
        let open = all.iter().filter(|name| !self.aside.contains(*name));
        open.filter_map(|name| self.server.count(name)).sum()
    }
}

/// One queue of [`Direct`].
pub struct DirectQueue {
    key: String,
    name: String,
    processor: Arc<dyn Processor>,
    monitor: Arc<Monitor>,
    task: AbortOnDropHandle<Result<Counts, EngineError>>,
}

impl std::fmt::Debug for DirectQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectQueue")
            .field("key", &self.key)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl DirectQueue {
    /// Its key in the configuration, such as `neo4j`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its name at the broker, such as `events.neo4j`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its processor, to be asked what is applied.
    pub fn processor(&self) -> &Arc<dyn Processor> {
        &self.processor
    }

    /// What it has done and what it is about.
    pub fn monitor(&self) -> &Arc<Monitor> {
        &self.monitor
    }

    /// Whether it has ended, which it does not by itself while all is well.
    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
    }
}

impl Worker {
    /// Starts every configured queue on `server`, which must have the topology of `config`.
    /// Ends when `shutdown` asks to drain. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// A queue names a processor that this program does not have, or whose settings cannot
    /// work. Nothing is started then.
    pub fn direct(
        &self,
        config: &Config,
        origins: &Origins,
        server: &LocalServer,
        shutdown: &Shutdown,
    ) -> Result<Direct, ConfigErrors> {
        let jobs = config
            .queues
            .keys()
            .map(|key| Ok((key.clone(), self.job(config, origins, key)?)));
        let jobs: Vec<(String, Job)> = jobs.collect::<Result<_, ConfigErrors>>()?;
        let codec = Arc::new(Codec::from_config(config));
        let queues = jobs.into_iter().map(|(key, Job { engine, processor })| {
            let (name, broker) = (engine.queue.name.clone(), Arc::new(server.connect()));
            let engine = Engine::new(engine, broker, processor.clone(), codec.clone());
            DirectQueue {
                key,
                name,
                processor,
                monitor: engine.monitor(),
                task: AbortOnDropHandle::new(tokio::spawn(engine.run(shutdown.clone()))),
            }
        });
        let queues_of = config.queues.values();
        let aside = queues_of.flat_map(|q| [q.dead_letter.clone(), names::pause(&q.name)]);
        Ok(Direct {
            queues: queues.collect(),
            leftover: Leftover {
                server: server.clone(),
                aside: aside.collect(),
            },
            shutdown: shutdown.clone(),
        })
    }
}

impl Direct {
    /// The queues, by key.
    pub fn queues(&self) -> &[DirectQueue] {
        &self.queues
    }

    /// Messages that are not done.
    pub fn waiting(&self) -> usize {
        self.leftover.count()
    }

    /// The same for when this has ended.
    pub fn leftover(&self) -> Leftover {
        self.leftover.clone()
    }

    /// Whether a queue has ended, be it asked to or not.
    pub fn has_ended(&self) -> bool {
        self.queues.iter().any(DirectQueue::has_ended)
    }

    /// Resolves once nothing waits any more, or a queue has ended. Cancel by dropping.
    pub async fn done(&self) {
        while self.waiting() > 0 && !self.has_ended() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until all queues have drained, and says what each did, by key. One that fails
    /// makes the others drain.
    ///
    /// # Errors
    /// The first [`WorkerError`]; the others have drained.
    pub async fn ended(self) -> Result<BTreeMap<String, Counts>, WorkerError> {
        let shutdown = self.shutdown;
        let ends = self.queues.into_iter().map(|queue| {
            let shutdown = shutdown.clone();
            async move {
                let ended = match queue.task.await {
                    Ok(ended) => ended.map_err(|error| {
                        let started = queue.monitor.counts() != Counts::default();
                        WorkerError::from_engine(error, queue.processor.name(), started)
                    }),
                    Err(error) => Err(WorkerError::System(std::io::Error::other(error))),
                };
                if ended.is_err() {
                    shutdown.drain();
                }
                ended.map(|counts| (queue.key, counts))
            }
        });
        futures::future::join_all(ends).await.into_iter().collect()
    }
}
