//! The seam between whoever takes events in (gateway, relay, command) and what carries them on.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::broker::{Message, PublishError};

/// Takes messages and answers for them: what it accepted is safe with the broker or on disk.
pub trait Intake: Send + Sync + 'static {
    /// Resolves once the message is safe. Calls may run side by side; order is kept among
    /// messages of one subject whose calls were begun in that order. Dropping the future
    /// leaves the outcome unknown; the message may still arrive.
    ///
    /// # Errors
    /// The message is not taken, and nothing of it is kept.
    fn accept(&self, message: Message) -> BoxFuture<'_, Result<Accepted, NotAccepted>>;

    /// What waits, for health and metrics.
    fn backlog(&self) -> Backlog;

    /// What is not as it should be, for health, each as `code: text`. *Default*: nothing.
    fn issues(&self) -> Vec<String> {
        Vec::new()
    }

    /// Records in the metrics where it stands; called when somebody scrapes them. *Default*:
    /// nothing.
    fn observe(&self) {}
}

/// Where an accepted message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Accepted {
    /// With the broker, which has confirmed it.
    Confirmed,
    /// On disk, synchronised; it is published once the broker takes it.
    Spooled,
}

impl Accepted {
    /// Stable lower-case name for answers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Spooled => "spooled",
        }
    }
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// The broker cannot take it now and there is no room on disk; ask again after the time.
    #[error("no room: the broker cannot be reached and the spool is full")]
    Full {
        /// When to try again.
        retry_after: Duration,
    },
    /// The disk does not take it.
    #[error("the spool cannot be written: {0}")]
    Storage(String),
    /// The broker will never take it as it is (too large, unroutable, invalid).
    #[error(transparent)]
    Broker(#[from] PublishError),
    /// The program is ending and takes nothing more.
    #[error("shutting down")]
    ShuttingDown,
}

impl NotAccepted {
    /// Stable code for answers, logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "intake-full",
            Self::Storage(_) => "spool-storage",
            Self::Broker(error) => error.code(),
            Self::ShuttingDown => "shutting-down",
        }
    }
}

/// Messages accepted and not yet with the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many.
    pub messages: u64,
    /// Their bytes on disk.
    pub bytes: u64,
}
