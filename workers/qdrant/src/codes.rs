//! The reason codes of this processor; each has its page in `docs/errors/`.

use fanout_contract::ReasonCode;

/// The API key is missing, wrong, or may not do this.
pub const FORBIDDEN: ReasonCode = ReasonCode::new("qdrant-forbidden");
/// The server does not take work for now.
pub const UNAVAILABLE: ReasonCode = ReasonCode::new("qdrant-unavailable");
/// The server asks for fewer requests, or for smaller ones.
pub const OVERLOADED: ReasonCode = ReasonCode::new("qdrant-overloaded");
/// The server has no room left on its disk or in its memory.
pub const STORAGE_FULL: ReasonCode = ReasonCode::new("qdrant-storage-full");
/// The server met an error of its own.
pub const SERVER_ERROR: ReasonCode = ReasonCode::new("qdrant-server-error");
/// A collection is missing, or is another one than expected.
pub const COLLECTION: ReasonCode = ReasonCode::new("qdrant-collection");
/// A vector, or the configuration, has another dimension than the collection.
pub const DIMENSION: ReasonCode = ReasonCode::new("qdrant-dimension");
/// A vector has a component that is no number, or no direction.
pub const VECTOR_INVALID: ReasonCode = ReasonCode::new("qdrant-vector-invalid");
/// A product has no vector, and none is derived.
pub const VECTOR_MISSING: ReasonCode = ReasonCode::new("qdrant-vector-missing");
/// The server refused the data.
pub const REFUSED: ReasonCode = ReasonCode::new("qdrant-refused");
/// The server took the write, but did not say that it is done.
pub const NOT_COMPLETED: ReasonCode = ReasonCode::new("qdrant-not-completed");
/// The server's answer has another shape than expected.
pub const ANSWER: ReasonCode = ReasonCode::new("qdrant-answer");
/// The server is too old.
pub const VERSION: ReasonCode = ReasonCode::new("qdrant-version");
/// An id is neither an integer of 64 bits nor a text of at most 4,096 bytes.
pub const ID_UNSUPPORTED: ReasonCode = ReasonCode::new("qdrant-id-unsupported");
/// A product has so many users that their profiles are not all folded yet.
pub const FOLDING: ReasonCode = ReasonCode::new("qdrant-folding");
