//! Publishing: order, patience, and what is kept while the broker is away.

use std::path::PathBuf;
use std::time::Duration;

/// The publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherConfig {
    /// `app_id` and `source` of events that name no source of their own. Default `fanout`.
    pub source: String,
    /// Connections to publish over, each with its window of confirms. Default 1.
    pub connections: usize,
    /// What is not confirmed by then goes to the spool. Default 5 s: a quorum queue elects a
    /// leader in less, and a caller waits no longer.
    pub spool_after: Duration,
    /// Kinds of events that go first where a queue knows priorities. Default purchases.
    pub first_kinds: Vec<String>,
    /// Messages whose callers wait, bytes; beyond it they are refused. Default 64 MiB: some
    /// 50,000 small ones, or four of the largest.
    pub memory: usize,
}

impl Default for PublisherConfig {
    fn default() -> Self {
        Self {
            source: "fanout".to_owned(),
            connections: 1,
            spool_after: Duration::from_secs(5),
            first_kinds: ["purchase", "product.purchased"].map(str::to_owned).into(),
            memory: 64 << 20,
        }
    }
}

/// What is kept on disk while the broker is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolConfig {
    /// Its folder; one program has it. Default `fanout-spool` in the working directory.
    pub dir: PathBuf,
    /// Messages it holds at most. Default 100,000: at 1,000 events/s the restart of a broker
    /// and a minute more; each takes up to 24 bytes of memory, too.
    pub max_messages: u64,
    /// Their bytes at most. Default 256 MiB; the file takes up to twice as much.
    pub max_bytes: u64,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("fanout-spool"),
            max_messages: 100_000,
            max_bytes: 256 << 20,
        }
    }
}
