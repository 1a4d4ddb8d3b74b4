//! The validated configuration: what the rest of the runtime reads.
//!
//! Three steps lead here: raw (file, environment, flags) → defaults → validated, with all
//! problems reported at once. Every value here has been checked; nobody checks it again.

mod broker;
mod codec;
mod dlq;
#[cfg(feature = "cli")]
mod dotenv;
mod error;
mod form;
mod gateway;
mod load;
mod origin;
mod outbox;
mod publisher;
mod queue;
mod raw;
mod relations;
pub mod render;
mod schema;
mod shadow;
mod traces;
mod urls;
mod value;
mod worker;

pub use broker::{BackoffPlan, BrokerConfig, TlsConfig, TopologyMode, UseRabbitmq};
pub use codec::{CodecConfig, MissingId, UnknownKind};
pub use dlq::DlqConfig;
#[cfg(feature = "cli")]
pub use dotenv::environment;
pub use error::{ConfigErrors, Problem};
pub(crate) use form::{show_size, show_time};
pub use gateway::GatewayConfig;
pub use load::{LoadOptions, Loaded, Overrides};
pub use origin::{Origin, Origins};
pub use outbox::OutboxConfig;
pub use publisher::{PublisherConfig, SpoolConfig};
pub use queue::{BatchConfig, Binding, ExchangeConfig, ExchangeKind, QueueConfig, QueueType};
pub use shadow::ShadowConfig;
pub use traces::{OtlpProtocol, Sampler, TracesConfig};
pub use urls::mask_url;
pub use worker::{
    BreakerConfig, FloodGuardConfig, FollowUpRoute, HttpConfig, LogConfig, LogFormat,
    Neo4jSettings, ProfileWeights, QdrantSettings, Secret, WorkerConfig,
};

use std::collections::BTreeMap;

/// Everything a program of this project needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The broker and how to reach it.
    pub broker: BrokerConfig,
    /// Exchanges to declare.
    pub exchanges: Vec<ExchangeConfig>,
    /// The queues that exist, by their key (`neo4j` for `events.neo4j`).
    pub queues: BTreeMap<String, QueueConfig>,
    /// Where follow-up events go, by kind; other kinds go to the first exchange with their
    /// kind as routing key.
    pub follow_ups: BTreeMap<String, FollowUpRoute>,
    /// Publishing.
    pub publisher: PublisherConfig,
    /// What is kept on disk while the broker is away.
    pub spool: SpoolConfig,
    /// Bytes to events.
    pub codec: CodecConfig,
    /// Circuit breaker of each destination.
    pub breaker: BreakerConfig,
    /// Protects the dead-letter queue from a bad deploy.
    pub flood_guard: FloodGuardConfig,
    /// Limits of a worker process.
    pub worker: WorkerConfig,
    /// Health and metrics over HTTP.
    pub http: HttpConfig,
    /// The HTTP gateway.
    pub gateway: GatewayConfig,
    /// Dead letters.
    pub dlq: DlqConfig,
    /// Logging.
    pub log: LogConfig,
    /// Traces.
    pub traces: TracesConfig,
    /// The transactional outbox.
    pub outbox: OutboxConfig,
    /// The Neo4j server.
    pub neo4j: Neo4jSettings,
    /// The Qdrant server.
    pub qdrant: QdrantSettings,
    /// The stores beside them, in parallel mode.
    pub shadow: ShadowConfig,
}

impl Default for Config {
    /// Exchange `events` (fanout) to `events.neo4j` and `events.qdrant`, everything local.
    fn default() -> Self {
        Self {
            broker: BrokerConfig::default(),
            exchanges: vec![ExchangeConfig::default()],
            queues: ["neo4j", "qdrant"]
                .into_iter()
                .map(|key| (key.to_owned(), QueueConfig::for_key(key)))
                .collect(),
            follow_ups: BTreeMap::new(),
            publisher: PublisherConfig::default(),
            spool: SpoolConfig::default(),
            codec: CodecConfig::default(),
            breaker: BreakerConfig::default(),
            flood_guard: FloodGuardConfig::default(),
            worker: WorkerConfig::default(),
            http: HttpConfig::default(),
            gateway: GatewayConfig::default(),
            dlq: DlqConfig::default(),
            log: LogConfig::default(),
            traces: TracesConfig::default(),
            outbox: OutboxConfig::default(),
            neo4j: Neo4jSettings::default(),
            qdrant: QdrantSettings::default(),
            shadow: ShadowConfig::default(),
        }
    }
}
