//! How to reach the broker.

use std::path::PathBuf;
use std::time::Duration;

use super::Secret;

/// The broker and how to reach it.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerConfig {
    /// Whether events go through the broker.
    pub use_rabbitmq: UseRabbitmq,
    /// Folder of the broker inside the process, in direct mode. Default `fanout-data/broker`.
    pub local_dir: PathBuf,
    /// AMQP URLs, tried in order; each holds user, password, host, port, vhost.
    pub urls: Vec<Secret>,
    /// Management API, for statistics; unset = not used.
    pub management_url: Option<Secret>,
    /// `true`: give up after `backoff.max_attempts`; `false`: keep trying for ever.
    pub required: bool,
    /// Waits between attempts to connect.
    pub backoff: BackoffPlan,
    /// Deadline of one attempt to connect. Default 5 s (requirement C1).
    pub connect_timeout: Duration,
    /// Heartbeat asked for; a silent peer is noticed within two of them. Default 10 s.
    pub heartbeat: Duration,
    /// Deadline of any other call to the broker. Default 10 s.
    pub call_timeout: Duration,
    /// Deadline of a confirm. Default 30 s: a quorum queue may elect a leader meanwhile.
    pub confirm_timeout: Duration,
    /// Unconfirmed messages at most. Default 500: quorum queues gain up to 200–1,000.
    pub confirm_window: usize,
    /// Largest body published, bytes. Default 16 MiB, RabbitMQ 4's own limit.
    pub max_message_bytes: usize,
    /// Whether the topology is declared, verified, or left alone.
    pub topology: TopologyMode,
    /// TLS beyond what the URL says.
    pub tls: TlsConfig,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            use_rabbitmq: UseRabbitmq::True,
            local_dir: PathBuf::from("fanout-data/broker"),
            urls: vec![Secret::new("amqp://guest:guest@localhost:5672/%2f")],
            management_url: None,
            required: false,
            backoff: BackoffPlan::default(),
            connect_timeout: Duration::from_secs(5),
            heartbeat: Duration::from_secs(10),
            call_timeout: Duration::from_secs(10),
            confirm_timeout: Duration::from_secs(30),
            confirm_window: 500,
            max_message_bytes: 16 * 1024 * 1024,
            topology: TopologyMode::Declare,
            tls: TlsConfig::default(),
        }
    }
}

impl BrokerConfig {
    /// The vhost of the first URL.
    pub fn vhost(&self) -> String {
        let first = self.urls.first().map_or("", Secret::expose);
        super::urls::vhost(first)
    }

    /// The user of the first URL.
    pub fn user(&self) -> String {
        let first = self.urls.first().map_or("", Secret::expose);
        super::urls::user(first)
    }
}

/// Waits between attempts: the listed ones, then the last one again and again, each
/// shortened by up to `jitter` of itself at random.
#[derive(Clone, Debug, PartialEq)]
pub struct BackoffPlan {
    /// The waits. Default 0.2 s, 0.4 s, 0.8 s, 1 s: a broker that is back is used within 2 s.
    pub delays: Vec<Duration>,
    /// Share of a wait that chance may take off, 0 to 1. Default 0.2.
    pub jitter: f64,
    /// Attempts before giving up where the broker is required; `None` = never. Default 30.
    pub max_attempts: Option<u32>,
    /// Failed attempts in a row after which the status is `failed`. Default 5.
    pub failed_after: u32,
}

impl Default for BackoffPlan {
    fn default() -> Self {
        Self {
            delays: [200, 400, 800, 1000].map(Duration::from_millis).to_vec(),
            jitter: 0.2,
            max_attempts: Some(30),
            failed_after: 5,
        }
    }
}

impl BackoffPlan {
    /// The wait after `failed` failed attempts in a row (1 = the first), without jitter.
    pub fn delay(&self, failed: u32) -> Duration {
        let index = usize::try_from(failed.saturating_sub(1)).unwrap_or(usize::MAX);
        self.delays
            .get(index)
            .or(self.delays.last())
            .copied()
            .unwrap_or(Duration::from_secs(1))
    }

    /// The wait after `failed` failed attempts, shortened by chance. `chance` is in 0..1.
    pub fn jittered(&self, failed: u32, chance: f64) -> Duration {
        self.delay(failed)
            .mul_f64((1.0 - self.jitter * chance).clamp(0.0, 1.0))
    }
}

/// Whether events go through RabbitMQ (`USE_RABBITMQ`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseRabbitmq {
    /// They do. The default.
    True,
    /// Processors run in the publishing program.
    False,
    /// Both, to compare.
    Parallel,
}

/// What a program does about exchanges, queues and bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopologyMode {
    /// Declares them (idempotent). The default.
    Declare,
    /// Only looks whether they exist (passive declaration).
    Verify,
    /// Leaves them alone: least privilege.
    None,
}

/// TLS settings of one server. Where all are unset, the system's roots are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// PEM file with the certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the client certificate chain.
    pub cert_file: Option<PathBuf>,
    /// PEM file with the client's private key.
    pub key_file: Option<PathBuf>,
    /// Name to expect in the server's certificate, where it is not the host of the URL.
    pub server_name: Option<String>,
}
