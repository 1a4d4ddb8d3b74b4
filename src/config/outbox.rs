//! The transactional outbox: a table of PostgreSQL, and how it is emptied.

use std::time::Duration;

use super::{Secret, TlsConfig};

/// The outbox and its relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxConfig {
    /// URL of the database, with user and password; `None` = there is no outbox.
    pub url: Option<Secret>,
    /// Schema of the table. Default `public`.
    pub schema: String,
    /// The table. Default `fanout_outbox`.
    pub table: String,
    /// Exchange to publish to; `None` = the first one configured.
    pub exchange: Option<String>,
    /// Rows taken at once, and so published again at most after a crash. Default 500, as the
    /// confirm window.
    pub batch: usize,
    /// How often the table is looked into without a notification. Default 1 s.
    pub poll_every: Duration,
    /// How long published rows are kept; zero = they are deleted with the confirm.
    /// Default one day.
    pub keep: Duration,
    /// Deadline of one attempt to connect. Default 5 s, as for the broker.
    pub connect_timeout: Duration,
    /// Deadline of any statement. Default 10 s, as for the broker.
    pub call_timeout: Duration,
    /// TLS beyond what the URL says.
    pub tls: TlsConfig,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            url: None,
            schema: "public".to_owned(),
            table: "fanout_outbox".to_owned(),
            exchange: None,
            batch: 500,
            poll_every: Duration::from_secs(1),
            keep: Duration::from_secs(24 * 60 * 60),
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(10),
            tls: TlsConfig::default(),
        }
    }
}
