//! Exchanges and queues as configured.

use std::time::Duration;

/// Kind of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeKind {
    /// Every bound queue gets every message.
    Fanout,
    /// Queues get what matches their binding patterns.
    Topic,
}

impl ExchangeKind {
    /// The AMQP name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fanout => "fanout",
            Self::Topic => "topic",
        }
    }
}

/// An exchange to declare; always durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeConfig {
    /// Name at the broker. Default `events`.
    pub name: String,
    /// Kind. Default fanout.
    pub kind: ExchangeKind,
}

impl Default for ExchangeConfig {
    fn default() -> Self {
        Self {
            name: "events".to_owned(),
            kind: ExchangeKind::Fanout,
        }
    }
}

/// Type of a queue at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueType {
    /// Replicated, counts deliveries. The default.
    Quorum,
    /// Classic: does not count deliveries, so crash suspects cannot be told.
    Classic,
}

impl QueueType {
    /// The value of `x-queue-type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quorum => "quorum",
            Self::Classic => "classic",
        }
    }
}

/// Binds a queue to an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The exchange.
    pub exchange: String,
    /// Routing keys or patterns (`*.created`, `payment.*`); a fanout exchange ignores them.
    pub keys: Vec<String>,
}

/// A queue and how it is consumed.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueConfig {
    /// Name at the broker. Default `events.{key}`.
    pub name: String,
    /// Name of the registered processor. Default: the queue's key.
    pub processor: String,
    /// Bindings. Default: `events` with `#`.
    pub bindings: Vec<Binding>,
    /// Dead-letter queue. Default `events.dlq`.
    pub dead_letter: String,
    /// Delays of the retry stages; `0s` = to the end of the queue. Default 5 s, 30 s, 5 min.
    pub retry_delays: Vec<Duration>,
    /// Type. Default quorum.
    pub queue_type: QueueType,
    /// What waits longer expires and is dead-lettered; `None` = never. Default 14 days.
    pub message_ttl: Option<Duration>,
    /// What goes beyond is refused to the publisher; `None` = no limit. Default 8 GiB.
    pub max_length_bytes: Option<u64>,
    /// Limits of a batch.
    pub batch: BatchConfig,
    /// Batches of a lane between dispatch and acknowledgement. Default 2.
    pub in_flight: usize,
    /// Unacknowledged deliveries a lane holds; `None` = 2 × batch × batches in flight.
    pub prefetch: Option<u16>,
    /// Deadline of one call of the processor, from its turn. Default 30 s.
    pub deadline: Duration,
    /// Deliveries of one message after which it is a crash suspect (quorum only).
    /// Default 10: connection losses and breaker openings count as well.
    pub suspect_after: u64,
    /// Deliveries from the suspect queue after which it is dead-lettered. Default 3.
    pub suspect_limit: u64,
}

impl QueueConfig {
    /// The defaults for the queue with this key.
    pub fn for_key(key: &str) -> Self {
        Self {
            name: format!("events.{key}"),
            processor: key.to_owned(),
            bindings: vec![Binding {
                exchange: "events".to_owned(),
                keys: vec!["#".to_owned()],
            }],
            dead_letter: "events.dlq".to_owned(),
            retry_delays: [5, 30, 300].map(Duration::from_secs).to_vec(),
            queue_type: QueueType::Quorum,
            message_ttl: Some(Duration::from_secs(14 * 24 * 60 * 60)),
            max_length_bytes: Some(8 << 30),
            batch: BatchConfig::default(),
            in_flight: 2,
            prefetch: None,
            deadline: Duration::from_secs(30),
            suspect_after: 10,
            suspect_limit: 3,
        }
    }

    /// The prefetch of one lane: as set, else 2 × batch × batches in flight.
    pub fn effective_prefetch(&self) -> u16 {
        self.prefetch.unwrap_or_else(|| {
            u16::try_from(
                self.batch
                    .max_events
                    .saturating_mul(self.in_flight)
                    .saturating_mul(2),
            )
            .unwrap_or(u16::MAX)
        })
    }
}

/// Limits of a batch: whichever is reached first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchConfig {
    /// Events. Default 1,000.
    pub max_events: usize,
    /// Bytes of all bodies. Default 4 MiB; a single larger event is a batch of its own.
    pub max_bytes: usize,
    /// Longest wait for more events. Default 20 ms; the runtime waits less when idle.
    pub max_wait: Duration,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            max_events: 1000,
            max_bytes: 4 << 20,
            max_wait: Duration::from_millis(20),
        }
    }
}
