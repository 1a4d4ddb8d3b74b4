//! The dead-letter queues and the workbench on them.

use std::path::PathBuf;
use std::time::Duration;

/// Dead letters: how long they are kept, and what is told of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DlqConfig {
    /// Dead letters that wait longer are deleted by the broker. `None`, the default = never.
    pub message_ttl: Option<Duration>,
    /// Who changed what in a dead-letter queue. Default `fanout-data/dlq-audit.ndjson`.
    pub audit_file: PathBuf,
    /// JSON pointers into a body: what stands there is masked where a body is shown. Default
    /// none.
    pub redact: Vec<String>,
}

impl Default for DlqConfig {
    fn default() -> Self {
        Self {
            message_ttl: None,
            audit_file: PathBuf::from("fanout-data/dlq-audit.ndjson"),
            redact: Vec::new(),
        }
    }
}
