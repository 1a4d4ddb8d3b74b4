//! Between the messages of Qdrant's protocol and the types of Qdrant Edge.
//!
//! What the store cannot keep as asked (sparse and multi vectors, geometry) is answered
//! `Unimplemented`; nothing is dropped silently.

pub(super) mod filter;
pub(super) mod ids;
pub(super) mod operation;
pub(super) mod payload;
pub(super) mod schema;
pub(super) mod select;
pub(super) mod vectors;

use qdrant_edge::{JsonPath, OperationError};
use tonic::Status;

/// What the client asked for is wrong, in the server's words.
pub(super) fn wrong(what: impl std::fmt::Display) -> Status {
    Status::invalid_argument(format!("Wrong input: {what}"))
}

/// Part of the protocol, but not of this façade.
pub(super) fn unsupported(what: &str) -> Status {
    Status::unimplemented(format!(
        "{what} is not supported by the embedded vector store"
    ))
}

/// A payload key.
pub(super) fn path(key: &str) -> Result<JsonPath, Status> {
    JsonPath::try_from(key).map_err(|()| wrong("malformed payload key"))
}

/// The status that the real server answers for an error of the engine.
pub(super) fn engine_status(error: &OperationError) -> Status {
    match error {
        OperationError::ServiceError { .. }
        | OperationError::InconsistentStorage { .. }
        | OperationError::Cancelled { .. } => Status::internal(error.to_string()),
        OperationError::OutOfMemory { .. } => Status::resource_exhausted(error.to_string()),
        OperationError::Timeout { .. } => Status::deadline_exceeded(error.to_string()),
        _ => wrong(error),
    }
}
