//! The reason codes of this processor; each has its page in `docs/errors/`.

use fanout_contract::ReasonCode;

/// Wrong user or password.
pub const AUTHENTICATION: ReasonCode = ReasonCode::new("neo4j-authentication");
/// The user may not do this.
pub const FORBIDDEN: ReasonCode = ReasonCode::new("neo4j-forbidden");
/// The database does not exist.
pub const DATABASE_MISSING: ReasonCode = ReasonCode::new("neo4j-database-missing");
/// The server does not take work for now.
pub const UNAVAILABLE: ReasonCode = ReasonCode::new("neo4j-unavailable");
/// The database takes no writes: a replica, a follower, or set to read-only.
pub const READ_ONLY: ReasonCode = ReasonCode::new("neo4j-read-only");
/// A transaction needed more memory than it may have.
pub const MEMORY: ReasonCode = ReasonCode::new("neo4j-memory");
/// The server cannot write its log: most often the disk is full.
pub const DISK: ReasonCode = ReasonCode::new("neo4j-disk");
/// The server met an error of its own, or damage in its store.
pub const SERVER_ERROR: ReasonCode = ReasonCode::new("neo4j-server-error");
/// The data violate a constraint.
pub const CONSTRAINT: ReasonCode = ReasonCode::new("neo4j-constraint");
/// The statement is wrong, or wrong for this server.
pub const STATEMENT: ReasonCode = ReasonCode::new("neo4j-statement");
/// A value of the event does not fit the statement.
pub const VALUE: ReasonCode = ReasonCode::new("neo4j-value");
/// The server refused the request for a reason that nobody foresaw.
pub const REFUSED: ReasonCode = ReasonCode::new("neo4j-refused");
/// A statement handled fewer rows than it got.
pub const ROWS_DROPPED: ReasonCode = ReasonCode::new("neo4j-rows-dropped");
/// The server's answer has another shape than expected.
pub const ANSWER: ReasonCode = ReasonCode::new("neo4j-answer");
/// The server is too old.
pub const VERSION: ReasonCode = ReasonCode::new("neo4j-version");
/// A constraint or index is missing and could not be created.
pub const SCHEMA: ReasonCode = ReasonCode::new("neo4j-schema");
/// The settings cannot work.
pub const SETTINGS: ReasonCode = ReasonCode::new("neo4j-settings");
/// The mapping gave something that cannot be written.
pub const MAPPING: ReasonCode = ReasonCode::new("neo4j-mapping");
/// An id is neither an integer nor a text.
pub const ID_UNSUPPORTED: ReasonCode = ReasonCode::new("neo4j-id-unsupported");
/// An id is an integer beyond 64 bits.
pub const ID_OUT_OF_RANGE: ReasonCode = ReasonCode::new("neo4j-id-out-of-range");
/// An id is a text that no index can hold.
pub const ID_TOO_LONG: ReasonCode = ReasonCode::new("neo4j-id-too-long");
