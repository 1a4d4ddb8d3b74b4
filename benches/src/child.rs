//! One measurement in a process of its own, so that CPU and memory are its alone.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, Message};
use fanout::config::QueueType;
use fanout::topology::Topology;
use fanout_contract::Processor;
use fanout_neo4j::{Neo4jConfig, Neo4jProcessor};
use futures::StreamExt;

use crate::event::{PRODUCTS, first_product, interactions};
use crate::ours::{self, Null, Observed};
use crate::product::products;
use crate::raw_writer::{self, Server};
use crate::report::Measured;
use crate::{dead_letters, gateway, local, publish, raw_consume, raw_qdrant, usual_worker};

/// What a child process measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// Publish the backlog.
    Fill,
    /// Bare lapin, batched acknowledgements.
    RawConsume,
    /// Our engine, null processor.
    Null,
    /// Bare neo4rs, the same statements.
    RawWriter,
    /// Our engine into Neo4j.
    Neo4j,
    /// The usual worker in Python: one event, one transaction, one acknowledgement.
    UsualPython,
    /// The same in Rust, with the ledger.
    Usual,
    /// Our engine into Neo4j under an offered load.
    Latency,
    /// The broker inside the process; needs no server.
    Local,
    /// Bare lapin, a window of confirms.
    RawPublish,
    /// Our publisher.
    Publish,
    /// Our spool, once the broker is back.
    Drain,
    /// Single events over HTTP at an offered rate.
    Gateway,
    /// The same without a broker: into the spool.
    GatewayAlone,
    /// Arrays of events over HTTP.
    GatewayBatches,
    /// Bare Qdrant client, products: parse and write.
    RawProducts,
    /// Bare Qdrant client, points of interactions.
    RawInteractions,
    /// Our engine into Qdrant, without profiles.
    Qdrant,
    /// Our engine into Qdrant: products first, then interactions with profiles, which count.
    Profiles,
    /// Publish the dead letters.
    DeadFill,
    /// The first page of the dead letters.
    DeadList,
    /// All dead letters by group.
    DeadGroup,
    /// Half of them replayed, killed three times, every id compared.
    DeadReplay,
    /// One run of that replay.
    DeadLeg,
}

/// Arguments of a child process.
#[derive(Args, Clone, Debug)]
pub struct Child {
    /// What to measure.
    #[arg(value_enum)]
    pub task: Task,
    /// AMQP URL.
    #[arg(long, env = "BENCH_AMQP_URL")]
    pub amqp: String,
    /// Bolt URI.
    #[arg(long, env = "BENCH_NEO4J_URI")]
    pub neo4j: String,
    /// Password of the user neo4j.
    #[arg(long, env = "BENCH_NEO4J_PASSWORD", hide_env_values = true)]
    pub password: String,
    /// gRPC URL of Qdrant.
    #[arg(long, env = "BENCH_QDRANT_URL")]
    pub qdrant: String,
    /// Products with vectors instead of interactions.
    #[arg(long)]
    pub products: bool,
    /// Where the local broker keeps its messages; in memory without it.
    #[arg(long)]
    pub dir: Option<std::path::PathBuf>,
    /// Events.
    #[arg(long, default_value_t = 50_000)]
    pub events: usize,
    /// Lanes.
    #[arg(long, default_value_t = 1)]
    pub lanes: usize,
    /// Seed of the events.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Classic queue instead of a quorum queue.
    #[arg(long)]
    pub classic: bool,
    /// Prefetch of the bare consumer.
    #[arg(long, default_value_t = 4_000)]
    pub prefetch: u16,
    /// Deliveries for one acknowledgement of the bare consumer.
    #[arg(long, default_value_t = 500)]
    pub ack_every: usize,
    /// Offered events a second.
    #[arg(long, default_value_t = 1_000)]
    pub rate: u32,
}

impl Child {
    fn queue_type(&self) -> QueueType {
        if self.classic {
            QueueType::Classic
        } else {
            QueueType::Quorum
        }
    }

    /// Name of the queue at the broker.
    pub fn queue(&self) -> String {
        format!("bench.{}", self.queue_type().as_str())
    }

    fn server(&self) -> Server {
        Server {
            uri: self.neo4j.clone(),
            password: self.password.clone(),
        }
    }

    /// Measures.
    pub async fn run(&self) -> Result<Measured, Box<dyn Error>> {
        match self.task {
            Task::Fill => self.fill().await,
            Task::RawConsume => {
                raw_consume::run(
                    &self.amqp,
                    &self.queue(),
                    self.events,
                    self.prefetch,
                    self.ack_every,
                )
                .await
            }
            Task::Null => self.ours(Arc::new(Null), false).await,
            Task::RawWriter => raw_writer::bulk(&self.server(), self.seed, self.events).await,
            Task::Neo4j => self.ours(self.processor()?, false).await,
            Task::UsualPython => usual_worker::python(&self.queue(), self.events).await,
            Task::Usual => {
                usual_worker::run(&self.amqp, &self.queue(), &self.server(), self.events).await
            }
            Task::Latency => self.latency().await,
            Task::Local => {
                let sizes = (self.prefetch, self.ack_every);
                local::run(self.dir.as_deref(), self.seed, self.events, sizes).await
            }
            Task::RawPublish => publish::raw(&self.amqp, self.seed, self.events).await,
            Task::Publish => publish::ours(&self.amqp, self.seed, self.events).await,
            Task::Drain => publish::drain(&self.amqp, self.seed, self.events).await,
            Task::Gateway => {
                gateway::latency(Some(&self.amqp), self.seed, self.events, self.rate).await
            }
            Task::GatewayAlone => gateway::latency(None, self.seed, self.events, self.rate).await,
            Task::GatewayBatches => gateway::batches(&self.amqp, self.seed, self.events).await,
            Task::RawProducts => {
                raw_qdrant::write_products(&self.qdrant, self.seed, self.events).await
            }
            Task::RawInteractions => {
                raw_qdrant::write_interactions(&self.qdrant, self.seed, self.events).await
            }
            Task::Qdrant => self.ours(self.qdrant_processor(false)?, false).await,
            Task::Profiles => self.profiles().await,
            Task::DeadFill => dead_letters::fill(&self.amqp, self.seed, self.events).await,
            Task::DeadList => dead_letters::list(&self.amqp, self.seed, self.events).await,
            Task::DeadGroup => dead_letters::group(&self.amqp, self.seed, self.events).await,
            Task::DeadReplay => dead_letters::replay(&self.amqp, self.seed, self.events).await,
            Task::DeadLeg => dead_letters::leg(&self.amqp).await,
        }
    }

    fn processor(&self) -> Result<Arc<dyn Processor>, Box<dyn Error>> {
        let config = Neo4jConfig {
            uri: self.neo4j.clone(),
            password: self.password.clone(),
            ..Neo4jConfig::default()
        };
        let processor = Neo4jProcessor::new(config).map_err(|problems| format!("{problems:?}"))?;
        Ok(Arc::new(processor))
    }

    fn qdrant_processor(&self, profiles: bool) -> Result<Arc<dyn Processor>, Box<dyn Error>> {
        let processor = raw_qdrant::processor(&self.qdrant, self.seed, profiles)?;
        Ok(Arc::new(processor))
    }

    /// The products stand there before the interactions that count are published.
    async fn profiles(&self) -> Result<Measured, Box<dyn Error>> {
        let all = Self {
            products: true,
            events: PRODUCTS as usize,
            ..self.clone()
        };
        all.fill().await?;
        all.ours(self.qdrant_processor(true)?, false).await?;
        self.fill().await?;
        self.ours(self.qdrant_processor(true)?, false).await
    }

    async fn ours(
        &self,
        processor: Arc<dyn Processor>,
        latency: bool,
    ) -> Result<Measured, Box<dyn Error>> {
        let config = ours::config(&self.amqp, self.lanes, self.queue_type());
        ours::run(
            config,
            Arc::new(Observed::new(processor, latency)),
            self.events,
        )
        .await
    }

    async fn broker(&self) -> Result<AmqpBroker, Box<dyn Error>> {
        let config = ours::config(&self.amqp, 1, self.queue_type());
        let broker = AmqpBroker::start(config.broker.clone(), Topology::from_config(&config));
        broker.connected().await?;
        Ok(broker)
    }

    /// Publishes the backlog into an empty queue: a bare consumer leaves what it had prefetched.
    async fn fill(&self) -> Result<Measured, Box<dyn Error>> {
        let (broker, exchange) = (self.broker().await?, self.queue());
        raw_consume::purge(&self.amqp, &self.queue()).await?;
        let started = std::time::Instant::now();
        let mut confirms = futures::stream::iter(self.messages(&exchange))
            .map(|message| broker.publish(message))
            .buffer_unordered(500);
        while let Some(confirmed) = confirms.next().await {
            confirmed?;
        }
        Ok(Measured::since(started, self.events))
    }

    fn messages<'a>(&self, exchange: &'a str) -> Box<dyn Iterator<Item = Message> + Send + 'a> {
        if self.products {
            let all = products(first_product(self.seed), self.seed, self.events);
            Box::new(all.map(move |product| product.message(exchange)))
        } else {
            let all = interactions(self.seed, self.events);
            Box::new(all.map(move |event| event.message(exchange)))
        }
    }

    /// Publishes at a fixed rate, each event stamped with the moment it was due (so that a
    /// stall shows in all that it delays), while the engine runs.
    async fn latency(&self) -> Result<Measured, Box<dyn Error>> {
        let (broker, exchange) = (self.broker().await?, self.queue());
        raw_consume::purge(&self.amqp, &self.queue()).await?;
        let period = Duration::from_secs(1) / self.rate;
        let events: Vec<_> = interactions(self.seed, self.events).collect();
        let publishing = async {
            let mut confirms = futures::stream::FuturesUnordered::new();
            let mut ticks = tokio::time::interval(period);
            let (start, wall) = (tokio::time::Instant::now(), jiff::Timestamp::now());
            for mut event in events {
                let due = ticks.tick().await.saturating_duration_since(start);
                let at = wall.checked_add(due).unwrap_or(wall);
                event.at = at.as_millisecond();
                confirms.push(broker.publish(event.message(&exchange)));
                while let Some(Some(done)) = futures::FutureExt::now_or_never(confirms.next()) {
                    done?;
                }
            }
            while let Some(done) = confirms.next().await {
                done?;
            }
            Ok::<_, Box<dyn Error>>(())
        };
        let (published, measured) = tokio::join!(publishing, self.ours(self.processor()?, true));
        published?;
        measured
    }
}
