//! A processor on a broker of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fanout_contract::{EventId, Processor};
use tokio::time::{Instant, sleep};

use super::observed::{Calls, Observed, so_far};
use super::process::Process;
use super::report::{DeadLetter, Report};
use crate::broker::local::LocalServer;
use crate::broker::{Message, Properties, PublishError};
use crate::codec::Codec;
use crate::config::{Binding, Config, QueueConfig};
use crate::engine::{Counts, EngineError};
use crate::topology::{BoundQueue, Queue, Role, Topology};

/// Key of the queue of a trial; its name at the broker is `events.trial`.
const KEY: &str = "trial";
/// Where follow-ups are kept for the report.
const FOLLOW_UPS: &str = "follow-ups";
/// Between two looks; paused time makes them free.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long [`Trial::settled`] waits beyond the sum of all stages.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Settings of a [`Trial`] that has not started.
#[must_use = "a trial does nothing until it is started"]
pub struct Setup {
    processor: Arc<dyn Processor>,
    config: Config,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup")
            .field("processor", &self.processor.name())
            .finish_non_exhaustive()
    }
}

impl Setup {
    /// Delays of the retry stages; none = a transient failure is dead-lettered at once.
    /// Default 5 s, 30 s, 5 min.
    pub fn retry_delays(self, delays: impl IntoIterator<Item = Duration>) -> Self {
        let delays = delays.into_iter().collect();
        self.queue(|queue| queue.retry_delays = delays)
    }

    /// Lanes. Default 1.
    pub fn lanes(self, lanes: usize) -> Self {
        self.config(|config| config.worker.lanes = lanes)
    }

    /// Whether the processor receives its own follow-ups too, as through a fanout exchange
    /// in production. Default: no, they are only reported.
    pub fn follow_ups_return(self) -> Self {
        let binding = Binding {
            exchange: "events".to_owned(),
            keys: vec!["#".to_owned()],
        };
        self.queue(|queue| queue.bindings = vec![binding])
    }

    /// Any other setting of the queue.
    pub fn queue(self, change: impl FnOnce(&mut QueueConfig)) -> Self {
        self.config(|config| {
            if let Some(queue) = config.queues.get_mut(KEY) {
                change(queue);
            }
        })
    }

    /// Any other setting. The queue has the key `trial`; exchanges added here are reported
    /// from as well.
    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Starts broker and worker. Must be called inside a tokio runtime.
    pub fn start(self) -> Trial {
        let server = LocalServer::start(topology(&self.config));
        let calls = Calls::default();
        let processor: Arc<dyn Processor> = Arc::new(Observed {
            inner: self.processor,
            calls: Arc::clone(&calls),
        });
        let mut trial = Trial {
            config: self.config,
            server,
            calls,
            processor,
            process: None,
            last_id: AtomicU64::new(0),
        };
        trial.process = trial.another_process();
        trial
    }
}

/// The topology of the configuration, and a queue that sees all follow-ups.
fn topology(config: &Config) -> Topology {
    let mut topology = Topology::from_config(config);
    let follow_ups = QueueConfig::for_key(FOLLOW_UPS);
    topology.queues.push(Queue {
        name: FOLLOW_UPS.to_owned(),
        role: Role::Main,
        queue_type: follow_ups.queue_type,
        arguments: std::collections::BTreeMap::default(),
    });
    let bound = config.exchanges.iter().map(|exchange| BoundQueue {
        exchange: exchange.name.clone(),
        queue: FOLLOW_UPS.to_owned(),
        key: "#".to_owned(),
    });
    topology.bindings.extend(bound);
    topology
}

/// A processor at work on a broker in memory.
pub struct Trial {
    config: Config,
    server: LocalServer,
    calls: Calls,
    processor: Arc<dyn Processor>,
    process: Option<Process>,
    last_id: AtomicU64,
}

impl std::fmt::Debug for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trial")
            .field("processor", &self.processor.name())
            .field("calls", &so_far(&self.calls).len())
            .finish_non_exhaustive()
    }
}

impl Trial {
    /// A trial of this processor.
    pub fn of(processor: impl Processor) -> Setup {
        Self::of_shared(Arc::new(processor))
    }

    /// A trial of a processor that the test looks into as well.
    pub fn of_shared(processor: Arc<dyn Processor>) -> Setup {
        let mut config = Config::default();
        config.queues.clear();
        let queue = QueueConfig {
            bindings: Vec::new(),
            ..QueueConfig::for_key(KEY)
        };
        config.queues.insert(KEY.to_owned(), queue);
        Setup { processor, config }
    }

    fn another_process(&self) -> Option<Process> {
        let broker = Arc::new(self.server.connect());
        let processor = Arc::clone(&self.processor);
        Process::start(broker, &self.config, KEY, processor)
    }

    /// Publishes an event with the next id (`event-1`, `event-2` …), and answers the id.
    ///
    /// # Errors
    /// The queue refuses it.
    pub async fn publish(
        &self,
        kind: &str,
        payload: serde_json::Value,
    ) -> Result<EventId, PublishError> {
        let number = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let id = format!("event-{number}");
        self.publish_as(&id, kind, payload).await
    }

    /// Publishes an event with this id: the same one twice is a duplicate.
    ///
    /// # Errors
    /// The queue refuses it.
    pub async fn publish_as(
        &self,
        id: &str,
        kind: &str,
        payload: serde_json::Value,
    ) -> Result<EventId, PublishError> {
        let body = serde_json::json!({
            "eventId": id,
            "version": "v1",
            "eventType": kind,
            "timestamp": jiff::Timestamp::now().to_string(),
            "payload": payload,
        });
        let properties = Properties {
            message_id: Some(id.to_owned()),
            kind: Some(kind.to_owned()),
            persistent: true,
            ..Properties::default()
        };
        let message = Message {
            properties,
            body: body.to_string().into(),
            ..Message::default()
        };
        self.publish_message(message).await?;
        Ok(EventId::new(id))
    }

    /// Publishes any message into the queue, whatever its exchange and key: foreign
    /// envelopes, bodies that are no event.
    ///
    /// # Errors
    /// The queue refuses it.
    pub async fn publish_message(&self, mut message: Message) -> Result<(), PublishError> {
        message.exchange = String::new();
        message.routing_key = self.queue().name.clone();
        let published = self.server.deposit(&message);
        // What runs beside gets its turn.
        tokio::task::yield_now().await;
        published
    }

    fn queue(&self) -> QueueConfig {
        let queue = self.config.queues.get(KEY).cloned();
        queue.unwrap_or_else(|| QueueConfig::for_key(KEY))
    }

    /// Waits until every event has come to its end: queue, stages and suspects are empty.
    ///
    /// # Errors
    /// That has not happened within the sum of all retry delays and an hour of tokio's
    /// clock, or the engine has ended.
    pub async fn settled(&self) -> Result<Report, NotSettled> {
        let queue = self.queue();
        let patience = PATIENCE + queue.retry_delays.iter().sum::<Duration>();
        let keep = [queue.dead_letter, FOLLOW_UPS.to_owned()];
        let keep: Vec<_> = keep.iter().map(String::as_str).collect();
        let start = Instant::now();
        while !quiet(&self.server, &keep) {
            if self.process.as_ref().is_none_or(Process::is_over) {
                return Err(NotSettled::Ended);
            }
            if start.elapsed() >= patience {
                return Err(NotSettled::Late(held(&self.server, &keep)));
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(self.report())
    }

    /// What is known by now.
    pub fn report(&self) -> Report {
        let messages = |queue: &str| {
            let contents = self.server.inspect(queue).unwrap_or_default();
            contents.messages().cloned().collect::<Vec<_>>()
        };
        let codec = Codec::new(self.config.codec.clone());
        Report {
            calls: so_far(&self.calls),
            dead_letters: messages(&self.queue().dead_letter)
                .into_iter()
                .map(DeadLetter::of)
                .collect(),
            follow_ups: messages(FOLLOW_UPS)
                .iter()
                .filter_map(|m| codec.decode(m).ok())
                .map(|decoded| decoded.event)
                .collect(),
        }
    }

    /// `kill -9` on the worker, and a new one on the same processor: what was in its hands
    /// comes again.
    pub fn restart(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
        self.process = self.another_process();
    }

    /// SIGTERM, and the end of it.
    ///
    /// # Errors
    /// What the engine ended with.
    pub async fn drain(mut self) -> Result<Counts, EngineError> {
        match self.process.take() {
            Some(process) => process.drain().await,
            None => Ok(Counts::default()),
        }
    }

    /// The worker. `None` only where the setup removed the queue `trial`.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// The broker, to look into and to break.
    pub fn server(&self) -> &LocalServer {
        &self.server
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }
}

/// Why the events of a trial have not come to their end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSettled {
    /// Something is still in these queues, by name and count.
    #[error("not settled in time: {0:?}")]
    Late(Vec<(String, usize)>),
    /// The engine has ended; [`Process::ended`] and [`Trial::drain`] say with what.
    #[error("the engine has ended before everything was settled")]
    Ended,
}

fn held(server: &LocalServer, keep: &[&str]) -> Vec<(String, usize)> {
    let queues = server.queues().into_iter();
    queues
        .filter(|queue| !keep.contains(&queue.as_str()))
        .filter_map(|queue| Some((server.count(&queue).filter(|n| *n > 0)?, queue)))
        .map(|(count, queue)| (queue, count))
        .collect()
}

/// Whether nothing is under way: every queue but those to keep is empty, and nothing is in
/// a consumer's hands.
pub fn quiet(server: &LocalServer, keep: &[&str]) -> bool {
    held(server, keep).is_empty()
}
