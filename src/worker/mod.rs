//! A worker program out of processors: `Worker::new(name).processor(…).main()`.
//!
//! `context` is what a processor is built from; `run` wires broker, engine and health
//! together for embedding; `direct` runs all queues on a broker in the process;
//! `until_empty` ends a backfill; `check` starts without consuming; `cli` adds flags, `.env`,
//! logging, signals and exit codes for a program of its own.
//!
//! Invariant: whatever ends a worker early has one [`WorkerError`], and each has its exit
//! code.

#[cfg(feature = "cli")]
mod check;
#[cfg(feature = "cli")]
mod cli;
mod context;
mod direct;
mod error;
mod run;
#[cfg(test)]
mod tests;
mod until_empty;

pub use context::ProcessorContext;
pub use direct::{Direct, DirectQueue, Leftover};
pub use error::WorkerError;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fanout_contract::Processor;

use crate::config::{Config, ConfigErrors, Origin, Origins, Problem};

type Factory =
    dyn Fn(&ProcessorContext<'_>) -> Result<Arc<dyn Processor>, ConfigErrors> + Send + Sync;

/// A worker: processors by name, and how to run one of them on its queue.
///
/// ```no_run
/// use std::process::ExitCode;
/// use std::sync::Arc;
///
/// use fanout::worker::Worker;
/// use fanout_contract::{Batch, Failure, Outcomes, Processor};
/// use futures::future::BoxFuture;
///
/// struct Audit;
///
/// impl Processor for Audit {
///     fn name(&self) -> &str {
///         "audit"
///     }
///
///     fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
///         Box::pin(async move {
///             let mut outcomes = Outcomes::unsettled(batch);
///             for (slot, event) in batch.iter() {
///                 println!("{}", event.id());
///                 outcomes.applied(slot);
///             }
///             Ok(outcomes)
///         })
///     }
/// }
///
/// # #[cfg(feature = "cli")]
/// fn main() -> ExitCode {
///     Worker::new("audit-worker")
///         .processor("audit", |_| Ok(Arc::new(Audit)))
///         .main()
/// }
/// # #[cfg(not(feature = "cli"))]
/// # fn main() {}
/// ```
pub struct Worker {
    name: &'static str,
    version: &'static str,
    processors: BTreeMap<String, Box<Factory>>,
    until_empty: Option<Duration>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("name", &self.name)
            .field("processors", &self.processors.keys())
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// A worker without processors. The name stands in help, health and log files.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            version: env!("CARGO_PKG_VERSION"),
            processors: BTreeMap::new(),
            until_empty: None,
        }
    }

    /// The version that `--version` and health tell. Default: that of this library.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// Drains by itself once the queue with its retry and suspect queues is empty and nothing
    /// is in flight in this process, seen twice. Ends as [`WorkerError::Stuck`] when the
    /// flood guard trips, or broker or destination are away for `stuck_after`.
    #[must_use]
    pub fn until_empty(mut self, stuck_after: Duration) -> Self {
        self.until_empty = Some(stuck_after);
        self
    }

    /// Registers a processor under the name that `queues.KEY.processor` says; a second one
    /// of the same name takes its place. The factory runs once, inside a tokio runtime, when
    /// a queue with this processor is started. It connects to nothing: that is `prepare`.
    #[must_use]
    pub fn processor<F>(mut self, name: impl Into<String>, factory: F) -> Self
    where
        F: Fn(&ProcessorContext<'_>) -> Result<Arc<dyn Processor>, ConfigErrors>
            + Send
            + Sync
            + 'static,
    {
        self.processors.insert(name.into(), Box::new(factory));
        self
    }

    /// Builds the processor of a queue, for whoever asks its store. It connects to nothing yet.
    ///
    /// # Errors
    /// There is no such queue, it names a processor that this program does not have, or the
    /// processor's settings cannot work.
    pub fn build(
        &self,
        config: &Config,
        origins: &Origins,
        queue_key: &str,
    ) -> Result<Arc<dyn Processor>, ConfigErrors> {
        let Some(queue) = config.queues.get(queue_key) else {
            return Err(self.unknown_queue(config, queue_key));
        };
        let Some(factory) = self.processors.get(&queue.processor) else {
            let known = listed(self.processors.keys());
            let key = format!("queues.{queue_key}.processor");
            let rule = format!("must be a processor that {} has", self.name);
            let problem = Problem::new(&key, origins.of(&key), rule)
                .value(format!("{:?}", queue.processor))
                .hint(format!("known: {known}"));
            return Err(ConfigErrors::one(problem));
        };
        factory(&ProcessorContext {
            config,
            origins,
            queue_key,
            queue,
        })
    }

    fn unknown_queue(&self, config: &Config, queue_key: &str) -> ConfigErrors {
        let rule = "must be the key of a configured queue";
        let problem = Problem::new("queue", Origin::Default, rule)
            .value(format!("{queue_key:?}"))
            .hint(format!("known: {}", listed(config.queues.keys())));
        ConfigErrors::one(problem)
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.map(String::as_str).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
