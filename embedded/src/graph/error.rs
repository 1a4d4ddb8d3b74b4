//! What goes wrong, and what the processor is told of it: Neo4j's status codes, since its one
//! table of verdicts speaks them.

use std::io::ErrorKind;
use std::path::PathBuf;

use fanout_neo4j::store::StoreError;

/// Why the graph could not be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Another process has the file open.
    #[error("the graph {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The folder could not be made.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The engine, or the file below it.
    #[error("the graph's store: {0}")]
    Engine(#[from] redb::Error),
    /// A value in the file has another form than this version writes.
    #[error("the graph's store holds something of another form")]
    Damaged,
}

/// What keeps an operation from being done.
#[derive(Debug)]
pub(super) enum Trouble {
    Engine(redb::Error),
    /// A parameter has a type that the statement cannot take.
    Type,
    /// A count beyond 64 bits.
    Overflow,
    /// Not a statement of ours.
    Unknown,
    Damaged,
}

macro_rules! from_engine {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for Trouble {
            fn from(error: redb::$error) -> Self {
                Self::Engine(error.into())
            }
        }
    )*};
}
from_engine!(StorageError, TableError, TransactionError, CommitError);

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        let code = match trouble {
            Trouble::Type => "Neo.ClientError.Statement.TypeError",
            Trouble::Overflow => "Neo.ClientError.Statement.ArithmeticError",
            Trouble::Unknown => "Neo.ClientError.Statement.SyntaxError",
            Trouble::Engine(redb::Error::Io(error)) => {
                // the operator needs the kind, not the path
                tracing::error!(kind = %error.kind(), "the graph's file");
                "Neo.DatabaseError.Transaction.TransactionLogError"
            }
            Trouble::Engine(error) => {
                tracing::error!(%error, "the graph's store");
                "Neo.DatabaseError.General.UnknownError"
            }
            Trouble::Damaged => "Neo.DatabaseError.General.UnknownError",
        };
        Self::Server(code.to_owned())
    }
}

impl From<Trouble> for GraphError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Engine(error) => Self::Engine(error),
            _ => Self::Damaged,
        }
    }
}

impl GraphError {
    pub(super) fn opening(error: redb::DatabaseError, file: PathBuf) -> Self {
        match error {
            redb::DatabaseError::DatabaseAlreadyOpen => Self::InUse(file),
            redb::DatabaseError::Storage(redb::StorageError::Io(io))
                if io.kind() == ErrorKind::WouldBlock =>
            {
                Self::InUse(file)
            }
            other => Self::Engine(other.into()),
        }
    }
}
