//! A vhost with a topology, a broker and engines on it.

use std::sync::Arc;
use std::time::Duration;

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, Delivery, Message};
use fanout::codec::Codec;
use fanout::config::Config;
use fanout::engine::{Counts, Engine, EngineConfig, EngineError, Monitor, Shutdown, Snapshot};
use fanout::topology::Topology;
use fanout_contract::Processor;
use tokio::task::JoinHandle;

use super::SOON;
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{eventually, queues, within};

pub struct Rig {
    pub vhost: Vhost,
    pub config: Config,
    pub broker: Arc<AmqpBroker>,
}

impl Rig {
    /// On the broker shared by all tests, in a vhost of its own. The retry plan is short.
    pub async fn new(name: &str, change: impl FnOnce(&mut Config)) -> Self {
        Self::on(RabbitMq::shared().await, name, change).await
    }

    /// On this broker.
    pub async fn on(rabbit: &RabbitMq, name: &str, change: impl FnOnce(&mut Config)) -> Self {
        let vhost = rabbit.vhost(name).await;
        let mut config = Config::default();
        config.broker.urls = vec![vhost.url()];
        let queue = config.queues.get_mut("neo4j").unwrap();
        queue.retry_delays = [200, 400].map(Duration::from_millis).to_vec();
        change(&mut config);
        let broker = AmqpBroker::start(config.broker.clone(), Topology::from_config(&config));
        within("connected", SOON, broker.connected()).await.unwrap();
        Self {
            vhost,
            config,
            broker: Arc::new(broker),
        }
    }

    /// An engine for the queue with the key `neo4j`.
    pub fn start(&self, processor: Arc<dyn Processor>) -> Running {
        self.start_on(self.broker.clone(), "neo4j", processor)
    }

    pub fn start_on(
        &self,
        broker: Arc<dyn Broker>,
        queue: &str,
        processor: Arc<dyn Processor>,
    ) -> Running {
        let engine = Engine::new(
            EngineConfig::from_config(&self.config, queue).unwrap(),
            broker,
            processor,
            Arc::new(Codec::new(self.config.codec.clone())),
        );
        let shutdown = Shutdown::new();
        Running {
            monitor: engine.monitor(),
            task: tokio::spawn(engine.run(shutdown.clone())),
            shutdown,
        }
    }

    /// Publishes all of it, confirmed.
    pub async fn publish(&self, messages: impl IntoIterator<Item = Message>) {
        queues::publish(&self.broker, messages).await;
    }

    /// Messages ready in a queue.
    pub async fn ready(&self, queue: &str) -> u64 {
        queues::ready(&self.broker, queue).await
    }

    /// Waits until so many messages are ready in a queue.
    pub async fn ready_is(&self, queue: &str, count: u64) {
        queues::ready_is(&self.broker, queue, count).await;
    }

    /// All messages ready in a queue, which keeps them.
    pub async fn look_into(&self, queue: &str) -> Vec<Delivery> {
        queues::look_into(&self.broker, queue).await
    }

    /// Sets a policy as an operator would.
    pub async fn set_policy(&self, queue: &str, definition: serde_json::Value) {
        let policy = serde_json::json!({
            "pattern": format!("^{}$", queue.replace('.', "\\.")),
            "definition": definition,
            "apply-to": "queues",
        });
        let path = self.vhost.path("policies", "test");
        self.vhost.management().put(&path, &policy).await;
    }
}

/// The ids of messages, as their properties have them.
pub fn ids(deliveries: &[Delivery]) -> Vec<String> {
    let id = |d: &Delivery| d.message.properties.message_id.clone();
    deliveries.iter().filter_map(id).collect()
}

/// An engine at work; aborted when dropped.
pub struct Running {
    pub monitor: Arc<Monitor>,
    pub shutdown: Shutdown,
    task: JoinHandle<Result<Counts, EngineError>>,
}

impl Running {
    pub fn counts(&self) -> Counts {
        self.monitor.counts()
    }

    /// Waits until the engine shows this.
    pub async fn shows(&self, what: &str, shows: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let look = async || Some(self.monitor.snapshot()).filter(|s| shows(s));
        let waited = tokio::time::timeout(SOON, eventually(what, SOON * 2, look)).await;
        waited.unwrap_or_else(|_| panic!("{what}: {:?}", self.monitor.snapshot()))
    }

    /// Ends it as SIGTERM does.
    pub async fn drain(mut self) -> Counts {
        self.shutdown.drain();
        let ended = within("drained", SOON, &mut self.task).await;
        ended.unwrap().unwrap()
    }

    /// Ends it as a crash does: nothing is settled, everything is delivered again.
    pub async fn crash(mut self) {
        self.shutdown.abort();
        let _ = within("aborted", SOON, &mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.abort();
    }
}
