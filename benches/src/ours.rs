//! Our pipeline: the engine as `run-worker` runs it, on the broker's queue.

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fanout::broker::amqp::AmqpBroker;
use fanout::codec::Codec;
use fanout::config::{Config, QueueType, Secret};
use fanout::engine::{Engine, EngineConfig, Shutdown};
use fanout::topology::Topology;
use fanout_contract::{Batch, Failure, Outcomes, Processor};
use futures::future::BoxFuture;

use crate::report::Measured;

/// A process that has waited this long for the next event has had its last.
const IDLE: Duration = Duration::from_secs(20);

/// Answers *applied* at once.
#[derive(Debug)]
pub struct Null;

impl Processor for Null {
    fn name(&self) -> &'static str {
        "null"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move { Ok(Outcomes::all_applied(batch)) })
    }
}

/// Counts the calls of another processor, and how late events are when it answers.
pub struct Observed {
    inner: Arc<dyn Processor>,
    calls: AtomicUsize,
    late_ms: Mutex<Vec<f64>>,
    latency: bool,
}

impl Observed {
    /// Around `inner`; `latency` notes now − occurred-at of every event.
    pub fn new(inner: Arc<dyn Processor>, latency: bool) -> Self {
        Self {
            inner,
            calls: AtomicUsize::new(0),
            late_ms: Mutex::default(),
            latency,
        }
    }

    /// p50, p95, p99 and maximum of what was noted.
    pub fn percentiles(&self) -> Vec<f64> {
        let late = self.late_ms.lock().map(|late| late.clone());
        crate::report::percentiles(late.unwrap_or_default())
    }
}

impl Processor for Observed {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), Failure>> {
        self.inner.prepare()
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let outcomes = self.inner.process(batch).await;
            if self.latency {
                let now = jiff::Timestamp::now();
                let late = |at: jiff::Timestamp| now.duration_since(at).as_secs_f64() * 1_000.0;
                let times = batch
                    .events()
                    .iter()
                    .filter_map(|e| e.occurred_at())
                    .map(late);
                if let Ok(mut all) = self.late_ms.lock() {
                    all.extend(times);
                }
            }
            outcomes
        })
    }

    fn concurrency(&self) -> Option<NonZeroUsize> {
        self.inner.concurrency()
    }
}

/// Runs the engine until `events` have come to their end, or none come any more.
pub async fn run(
    config: Config,
    processor: Arc<Observed>,
    events: usize,
) -> Result<Measured, Box<dyn Error>> {
    let broker = Arc::new(AmqpBroker::start(
        config.broker.clone(),
        Topology::from_config(&config),
    ));
    broker.connected().await?;
    let codec = Arc::new(Codec::new(config.codec.clone()));
    let engine_config = EngineConfig::from_config(&config, "neo4j").ok_or("no such queue")?;
    let engine = Engine::new(engine_config, broker, processor.clone(), codec);
    let monitor = engine.monitor();
    let shutdown = Shutdown::new();
    let mut progress = Progress::new(events);
    let running = tokio::spawn(engine.run(shutdown.clone()));
    loop {
        let counts = monitor.counts();
        let done = counts.applied + counts.skipped + counts.dead_lettered;
        if !progress.goes_on(usize::try_from(done).unwrap_or(0)) {
            break;
        }
        if running.is_finished() {
            return Err("the engine ended early".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut measured = progress.measured();
    measured.calls = processor.calls.load(Ordering::Relaxed);
    measured.latency_ms = processor.percentiles();
    shutdown.drain();
    running.await??;
    Ok(measured)
}

/// Watches a run: its clock starts with the first event, not with the connection.
struct Progress {
    events: usize,
    started: Instant,
    done: usize,
    last: Instant,
    measured: Measured,
    tenths: Vec<f64>,
    tenth: (Instant, usize),
}

impl Progress {
    fn new(events: usize) -> Self {
        let now = Instant::now();
        let measured = Measured::default();
        Self {
            events,
            started: now,
            done: 0,
            last: now,
            measured,
            tenths: Vec::new(),
            tenth: (now, 0),
        }
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "event counts are far below 2^52"
    )]
    fn goes_on(&mut self, done: usize) -> bool {
        let now = Instant::now();
        if done > self.done {
            (self.done, self.last) = (done, now);
            self.measured = Measured::since(self.started, done);
            let (since, from) = self.tenth;
            if done - from >= self.events / 10 {
                self.tenths
                    .push((done - from) as f64 / (now - since).as_secs_f64());
                self.tenth = (now, done);
            }
        }
        done < self.events && (done == 0 || now - self.last < IDLE)
    }

    fn measured(self) -> Measured {
        Measured {
            tenths: self.tenths,
            ..self.measured
        }
    }
}

/// The default configuration against this broker, with one queue of this type.
pub fn config(url: &str, lanes: usize, queue_type: QueueType) -> Config {
    let mut config = Config::default();
    config.broker.urls = vec![Secret::new(url)];
    config.worker.lanes = lanes;
    config.queues.retain(|key, _| key == "neo4j");
    // an exchange of its own, or each type's backlog would fill the other's queue as well
    let name = format!("bench.{}", queue_type.as_str());
    for queue in config.queues.values_mut() {
        queue.queue_type = queue_type;
        queue.name.clone_from(&name);
        for binding in &mut queue.bindings {
            binding.exchange.clone_from(&name);
        }
    }
    for exchange in &mut config.exchanges {
        exchange.name.clone_from(&name);
    }
    config
}
