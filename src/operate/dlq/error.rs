//! Why the workbench could not do what was asked.

use crate::broker::{BrokerError, PublishError};

use super::audit::AuditError;

/// Why the workbench could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DlqError {
    /// The broker cannot be asked now, or was lost on the way.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The dead-letter queue does not exist at the broker.
    #[error("the dead-letter queue '{0}' does not exist at the broker")]
    Missing(String),
    /// No dead letter has this id.
    #[error("no dead letter has the id '{0}'")]
    NotFound(String),
    /// A queue that is not of this topology, or one that is no place for a replay.
    #[error("'{0}' is no queue of this topology that takes events")]
    NoSuchQueue(String),
    /// Nothing was selected: neither a filter nor all.
    #[error("nothing is selected: name an id, a group or a filter, or say all")]
    NothingSelected,
    /// The entry in the audit log could not be written, so nothing was begun.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// One message could not be published; it stays where it was.
    #[error("not published: {0}")]
    Publish(#[from] PublishError),
    /// What was read cannot be written.
    #[error("cannot write: {0}")]
    Output(std::io::Error),
    /// What was given is not what the command takes.
    #[error("{0}")]
    Refused(String),
}
