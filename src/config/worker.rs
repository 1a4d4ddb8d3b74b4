//! Limits of a worker process and its neighbours.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::TlsConfig;

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself. Never log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Circuit breaker of a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Unavailable answers in a row that open it. Default 5.
    pub failures: u32,
    /// How long it stays open before a probe. Default 30 s.
    pub open_for: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failures: 5,
            open_for: Duration::from_secs(30),
        }
    }
}

/// Pauses instead of pouring a queue into the dead-letter queue after a bad deploy.
#[derive(Clone, Debug, PartialEq)]
pub struct FloodGuardConfig {
    /// Default on.
    pub enabled: bool,
    /// Events looked at, the last ones. Default 1,000.
    pub window: usize,
    /// Share of them, dead-lettered with one code, that trips it, 0 to 1. Default 0.5.
    pub share: f64,
    /// How long it pauses before it looks again. Default 5 min.
    pub pause: Duration,
}

impl Default for FloodGuardConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            window: 1000,
            share: 0.5,
            pause: Duration::from_secs(300),
        }
    }
}

/// Where follow-up events of a kind go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowUpRoute {
    /// The exchange.
    pub exchange: String,
    /// The routing key. Default: the kind.
    pub routing_key: Option<String>,
}

/// Limits of a worker process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Lanes. Default 1.
    pub lanes: usize,
    /// Longest drain after SIGTERM. Default 30 s (requirement C6).
    pub drain_deadline: Duration,
    /// The broker's consumer timeout; nothing is held longer than a third of it.
    /// Default 30 min, RabbitMQ's own default.
    pub consumer_timeout: Duration,
    /// What settles longer than this is overtaken by single acknowledgements. Default 5 s.
    pub overtake_after: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            lanes: 1,
            drain_deadline: Duration::from_secs(30),
            consumer_timeout: Duration::from_secs(30 * 60),
            overtake_after: Duration::from_secs(5),
        }
    }
}

/// Health and metrics over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Address to listen on. Default `127.0.0.1:8081` in a worker, `:8080` in the gateway.
    pub addr: SocketAddr,
    /// Whether it was set by the user: an explicit address that is taken is an error, the
    /// default one gives way to a free port.
    pub explicit: bool,
    /// Calls that change something need it; `None` = they work on loopback only.
    pub api_token: Option<Secret>,
    /// Whether posting events needs the token, too. Default false.
    pub api_token_events: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 8081)),
            explicit: false,
            api_token: None,
            api_token_events: false,
        }
    }
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// The word of the setting.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Filter directives. Default `info`.
    pub filter: String,
    /// Default text.
    pub format: LogFormat,
    /// Folder of the daily rolling log file; `None` = no file.
    pub dir: Option<PathBuf>,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Text,
            dir: None,
        }
    }
}

/// The Neo4j server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neo4jSettings {
    /// Default `bolt://localhost:7687`.
    pub uri: String,
    /// Default `neo4j`.
    pub user: String,
    /// Default empty.
    pub password: Secret,
    /// `None` = the server's default database.
    pub database: Option<String>,
    /// Batches written at once. Default 1: parallel writers wait for each other's locks.
    pub writers: usize,
    /// Deadline of one query. Default 25 s, below the processor's deadline.
    pub query_timeout: Duration,
    /// Entries of the ledger that are older may be pruned. Default 90 days, longer where an
    /// event may take longer to come again ([`Config::comes_again_within`]).
    ///
    /// [`Config::comes_again_within`]: super::Config::comes_again_within
    pub ledger_retention: Duration,
    /// TLS beyond what the URI says.
    pub tls: TlsConfig,
}

/// The Qdrant server, and what is kept there.
#[derive(Clone, Debug, PartialEq)]
pub struct QdrantSettings {
    /// Address of the gRPC port. Default `http://localhost:6334`.
    pub url: String,
    /// `None` = none.
    pub api_key: Option<Secret>,
    /// Put before the names of the collections. `None` = nothing.
    pub collection_prefix: Option<String>,
    /// Dimension of the vectors; `None` = that of the collection, else of the first product.
    pub dimension: Option<usize>,
    /// Whether a product without a vector gets one from its text. Default true.
    pub derive_vectors: bool,
    /// Whether profiles of users are kept. Default true.
    pub profiles: bool,
    /// After this time an interaction counts half in a profile. Default 30 days.
    pub half_life: Duration,
    /// What an interaction weighs in a profile.
    pub weights: ProfileWeights,
    /// Requests at once. Default 4: one shard takes updates one after the other.
    pub in_flight: usize,
    /// Deadline of one call of the processor. Default 25 s, below the queue's deadline.
    pub query_timeout: Duration,
    /// TLS beyond what the URL says.
    pub tls: TlsConfig,
}

/// What an interaction weighs in a profile, by kind. Only their proportions matter.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileWeights {
    /// Default 1.
    pub view: f64,
    /// Default 3.
    pub cart: f64,
    /// Default -3: takes back what `cart` said.
    pub remove_from_cart: f64,
    /// Default 5.
    pub purchase: f64,
}

impl Default for ProfileWeights {
    fn default() -> Self {
        Self {
            view: 1.0,
            cart: 3.0,
            remove_from_cart: -3.0,
            purchase: 5.0,
        }
    }
}

impl Default for QdrantSettings {
    fn default() -> Self {
        Self {
            url: "http://localhost:6334".to_owned(),
            api_key: None,
            collection_prefix: None,
            dimension: None,
            derive_vectors: true,
            profiles: true,
            half_life: Duration::from_secs(30 * 24 * 60 * 60),
            weights: ProfileWeights::default(),
            in_flight: 4,
            query_timeout: Duration::from_secs(25),
            tls: TlsConfig::default(),
        }
    }
}

impl Default for Neo4jSettings {
    fn default() -> Self {
        Self {
            uri: "bolt://localhost:7687".to_owned(),
            user: "neo4j".to_owned(),
            password: Secret::default(),
            database: None,
            writers: 1,
            query_timeout: Duration::from_secs(25),
            ledger_retention: Duration::from_secs(90 * 24 * 60 * 60),
            tls: TlsConfig::default(),
        }
    }
}
