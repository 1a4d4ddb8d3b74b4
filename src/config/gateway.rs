//! Limits of the HTTP gateway.

use std::path::PathBuf;
use std::time::Duration;

/// The HTTP gateway: where events go, and what clients may ask of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayConfig {
    /// Exchange that events go to. `None` = the first one configured.
    pub exchange: Option<String>,
    /// Folder of JSON Schemas, a file `KIND.json` for each kind that has one. `None` = none.
    pub schemas: Option<PathBuf>,
    /// Largest body that is read as a whole, bytes. Default 16 MiB, one largest message.
    pub max_body: usize,
    /// Events of one request. Default 10,000: their ids are an answer of half a megabyte.
    pub max_events: usize,
    /// Requests whose events are being accepted at once. Default 512, about the window of
    /// confirms: more would only wait for each other.
    pub max_requests: usize,
    /// Connections at once. Default 4,096: slow clients hold theirs for a while.
    pub max_connections: usize,
    /// Bytes of bodies held in memory at once. Default 256 MiB.
    pub max_buffered: usize,
    /// A body arrives within this time, a stream never pauses for longer. Default 30 s.
    pub body_timeout: Duration,
    /// Deadline for accepting one event. Default 10 s: people and load balancers wait.
    pub accept_timeout: Duration,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            exchange: None,
            schemas: None,
            max_body: 16 << 20,
            max_events: 10_000,
            max_requests: 512,
            max_connections: 4096,
            max_buffered: 256 << 20,
            body_timeout: Duration::from_secs(30),
            accept_timeout: Duration::from_secs(10),
        }
    }
}
