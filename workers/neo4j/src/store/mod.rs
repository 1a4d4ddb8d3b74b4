//! The seam to a graph store. `bolt` speaks to a Neo4j server and is the only place that
//! knows neo4rs; another store implements the same two traits and brings its own texts for
//! the statements it knows by name or by text.

mod bolt;

pub use bolt::BoltStore;

use futures::future::BoxFuture;

use crate::value::Value;

/// A transactional property graph that understands the texts in [`cypher`](crate::cypher).
pub trait GraphStore: Send + Sync + 'static {
    /// Makes the store ready and verifies it: version, constraints, permission to write.
    /// Idempotent; also the probe after an outage.
    fn prepare(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Begins a transaction.
    ///
    /// *Cancellation*: a transaction that is dropped without an end is rolled back, and what
    /// it locked is free at once.
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn GraphTransaction>, StoreError>>;

    /// Gives up all connections. *Default*: nothing.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// Parameters of a statement.
pub type Parameters = Vec<(&'static str, Value)>;

/// A transaction; dropped without an end, it is rolled back.
pub trait GraphTransaction: Send {
    /// Runs a statement and reads its whole answer.
    fn run<'a>(
        &'a mut self,
        cypher: &'a str,
        parameters: Parameters,
    ) -> BoxFuture<'a, Result<Vec<Record>, StoreError>>;

    /// Commits. An error leaves the outcome unknown, unless the server gave a code.
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Rolls back, and waits until the locks are gone.
    fn rollback(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// A record of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record(Vec<(String, Value)>);

impl Record {
    /// A record of these columns.
    pub fn new(columns: Vec<(String, Value)>) -> Self {
        Self(columns)
    }

    /// Takes a column out.
    pub fn take(&mut self, column: &str) -> Option<Value> {
        let place = self.0.iter().position(|(name, _)| name == column)?;
        Some(self.0.swap_remove(place).1)
    }

    /// Takes out a column that is an integer.
    ///
    /// # Errors
    /// [`StoreError::Answer`] where it is none.
    pub fn int(&mut self, column: &str) -> Result<i64, StoreError> {
        match self.take(column) {
            Some(Value::Int(i)) => Ok(i),
            _ => Err(StoreError::Answer("an integer is missing in the answer")),
        }
    }

    /// Takes out a column that is a list.
    ///
    /// # Errors
    /// [`StoreError::Answer`] where it is none.
    pub fn list(&mut self, column: &str) -> Result<Vec<Value>, StoreError> {
        match self.take(column) {
            Some(Value::List(items)) => Ok(items),
            _ => Err(StoreError::Answer("a list is missing in the answer")),
        }
    }

    /// Takes out a column that is a text.
    pub fn text(&mut self, column: &str) -> Option<String> {
        match self.take(column) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// The only record of an answer.
pub(crate) fn one(mut records: Vec<Record>) -> Result<Record, StoreError> {
    match (records.pop(), records.is_empty()) {
        (Some(record), true) => Ok(record),
        _ => Err(StoreError::Answer("one record was expected")),
    }
}

/// What went wrong at a store. Carries no payload and no text of the server: both may hold
/// what nobody may log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The server answered with this status code, such as
    /// `Neo.TransientError.Transaction.DeadlockDetected`.
    #[error("the server answered {0}")]
    Server(String),
    /// No connection, or it broke; whether a commit under way took effect is unknown.
    #[error("no connection to the server: {0}")]
    Unreachable(&'static str),
    /// No answer in time; whether it took effect is unknown.
    #[error("no answer from the server in time")]
    TimedOut,
    /// Other batches were being written all the time.
    #[error("no turn to write in time")]
    Busy,
    /// The login was refused.
    #[error("the server refused the login")]
    Login,
    /// The login was refused for now: too many wrong ones before.
    #[error("the server takes no logins for now, after too many wrong ones")]
    LoginLimited,
    /// An answer of another shape than the statement's.
    #[error("unexpected answer: {0}")]
    Answer(&'static str),
    /// The statement of this name handled fewer rows than it got.
    #[error("the statement `{0}` dropped rows")]
    RowsDropped(String),
    /// The server is older than 4.4.
    #[error("the server's version {0} is older than 4.4")]
    Version(String),
    /// A constraint or index is missing and could not be created.
    #[error("{missing} is missing and could not be created: {reason}")]
    Schema {
        /// What is missing.
        missing: &'static str,
        /// The server's status code.
        reason: String,
    },
    /// The settings cannot work.
    #[error("{0}")]
    Settings(String),
}
