//! A broker, a destination, and processes that come and go.

use std::sync::Arc;
use std::time::Duration;

use fanout::broker::Message;
use fanout::broker::local::{LocalBroker, LocalServer};
use fanout::config::{Config, QueueConfig};
use fanout::engine::{Counts, EngineError, Monitor, Shutdown};
use fanout::testing;
use fanout::topology::{Topology, names};

use super::events::{Deed, Spec};
use super::oracle::{Census, Findings, Oracle};
use super::processor::{Life, Simulated};
use super::store::Store;

/// The queue of every world.
pub const QUEUE: &str = "events.sim";
/// Its dead-letter queue.
pub const DEAD: &str = "events.dlq";

/// The configuration of a world: one queue, `sim`.
pub fn config() -> Config {
    let queues = [("sim".to_owned(), QueueConfig::for_key("sim"))];
    Config {
        queues: queues.into_iter().collect(),
        ..Config::default()
    }
}

/// A worker process.
pub struct Process {
    pub broker: Arc<LocalBroker>,
    pub shutdown: Shutdown,
    pub monitor: Arc<Monitor>,
    pub life: Life,
    process: testing::Process,
}

impl Process {
    /// `kill -9`: nothing is said to anybody.
    pub fn kill(self) {
        self.life.end();
        self.process.kill();
    }

    /// Waits for its end; `None` where it dies instead.
    pub async fn ended(mut self) -> Option<Result<Counts, EngineError>> {
        tokio::select! {
            biased;
            () = self.life.over() => {
                self.kill();
                None
            }
            ended = self.process.ended() => Some(ended),
        }
    }

    /// SIGTERM, and the end of it; `None` where it dies meanwhile.
    pub async fn drain(self) -> Option<Result<Counts, EngineError>> {
        self.shutdown.drain();
        self.ended().await
    }
}

/// Everything there is.
pub struct World {
    pub config: Config,
    pub server: LocalServer,
    pub store: Store,
    pub oracle: Oracle,
}

impl World {
    /// Must be made inside a runtime.
    pub fn new(config: Config, seed: u64) -> Self {
        fastrand::seed(seed);
        Self {
            server: LocalServer::start(Topology::from_config(&config)),
            store: Store::new(seed),
            oracle: Oracle::default(),
            config,
        }
    }

    pub fn queue(&self) -> &QueueConfig {
        &self.config.queues["sim"]
    }

    /// Starts a process with this destination behind its processor.
    pub fn start(&self) -> Process {
        let broker = Arc::new(self.server.connect());
        let life = Life::new(broker.clone());
        let processor = Arc::new(Simulated::new(self.store.clone(), life.clone()));
        let process =
            testing::Process::start(broker.clone(), &self.config, "sim", processor).unwrap();
        Process {
            broker,
            shutdown: process.shutdown().clone(),
            monitor: process.monitor().clone(),
            life,
            process,
        }
    }

    /// Publishes; it is accepted.
    pub fn publish(&mut self, spec: Spec) {
        self.server.deposit(&spec.message()).unwrap();
        self.oracle.accepted.insert(spec.token(), spec);
    }

    /// Publishes events with the numbers `0..deeds` that do this.
    pub fn publish_all(&mut self, deeds: impl IntoIterator<Item = Deed>) {
        for (number, deed) in deeds.into_iter().enumerate() {
            self.publish(Spec::new(number as u64, deed));
        }
    }

    pub fn census(&self) -> Census {
        Census::take(&self.server, &self.store, DEAD)
    }

    /// What is wrong now, whatever is under way.
    pub fn conserved(&self) -> Findings {
        self.oracle.conserved(&self.census())
    }

    /// Attempts an event has at most.
    pub fn attempts(&self) -> u32 {
        u32::try_from(self.queue().retry_delays.len()).unwrap() + 1
    }

    /// What is wrong once nothing is under way any more.
    pub fn settled(&self) -> Findings {
        self.oracle.settled(&self.census(), self.attempts())
    }

    /// Messages in the dead-letter queue.
    pub fn dead_letters(&self) -> Vec<Message> {
        let contents = self.server.inspect(DEAD).unwrap();
        contents.messages().cloned().collect()
    }

    /// Messages in a queue, however held.
    pub fn held(&self, queue: &str) -> usize {
        self.server.count(queue).unwrap()
    }

    pub fn retry_queue(&self, stage: usize) -> String {
        names::retry(QUEUE, self.queue().retry_delays[stage])
    }

    /// Whether everything has left the queues but the dead-letter queue.
    pub fn is_quiet(&self) -> bool {
        testing::quiet(&self.server, &[DEAD])
    }

    /// Waits until all is quiet, or so long.
    pub async fn quiet(&self, patience: Duration) -> bool {
        eventually(patience, || self.is_quiet()).await
    }
}

/// Looks every 50 ms until it holds, or so long.
pub async fn eventually(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let looking = async {
        while !holds() {
            // sleep: paused clock; the step of a poll with a deadline.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(patience, looking).await.is_ok()
}

/// Looks every millisecond until it holds; it must within a minute.
pub async fn promptly(mut holds: impl FnMut() -> bool) {
    let looking = async {
        while !holds() {
            // sleep: paused clock; the step of a poll with a deadline.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let held = tokio::time::timeout(Duration::from_secs(60), looking).await;
    assert!(held.is_ok(), "not within a minute");
}

/// Runs a world on a runtime of its own, on paused time.
///
/// Tokio decides by chance who is woken first; its chance can be seeded only where it is
/// built with `--cfg tokio_unstable`, and only there a seed repeats step by step.
pub fn on_paused_time<T>(seed: u64, world: impl Future<Output = T>) -> T {
    silence_simulated_panics();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true);
    #[cfg(tokio_unstable)]
    runtime.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_le_bytes()));
    #[cfg(not(tokio_unstable))]
    let _ = seed;
    runtime.build().unwrap().block_on(world)
}

/// Keeps the panics that events ask for out of the output.
fn silence_simulated_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&"simulated panic") {
                before(info);
            }
        }));
    });
}
