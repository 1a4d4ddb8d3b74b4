//! What an answer of the server means: one table, first match wins.
//!
//! The codes are Neo4j's status codes
//! (<https://neo4j.com/docs/status-codes/current/errors/all-errors/>); a pattern that ends in
//! a dot stands for all codes below it.

use fanout_contract::{Failure, FailureClass, ReasonCode, Remedy, codes as contract};

use crate::codes;
use crate::store::StoreError;

/// What a trouble is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Something in the batch can never be applied: permanent.
    Data,
    /// Not known to be either's fault: transient, so that it is tried again and isolated.
    Doubtful,
    /// Other writers: tried again at once, then given back with a short wait.
    Contention,
    /// No turn among our own batches: given back as contention, and not tried again at once,
    /// since its wait has been long enough.
    NoTurn,
    /// Contention at first; bad data where it persists.
    RaceOrData,
    /// The server: given back.
    Outage,
    /// Too much at once: given back, to be tried with less.
    TooMuch,
    /// Somebody must change the set-up: ends the start, counts as an outage later.
    SetUp,
}

use Verdict::{Contention, Data, Doubtful, NoTurn, Outage, RaceOrData, SetUp, TooMuch};

type Line = (&'static str, Verdict, ReasonCode, &'static str);

/// Code or prefix, verdict, reason, what to do.
#[rustfmt::skip] // a table: one line each
const TABLE: &[Line] = &[
    // other writers
    ("Neo.TransientError.Transaction.DeadlockDetected", Contention, contract::CONTENTION, "other writers hold the locks"),
    ("Neo.TransientError.Transaction.LockAcquisitionTimeout", Contention, contract::CONTENTION, "other writers hold the locks"),
    ("Neo.TransientError.Transaction.LockClientStopped", Contention, contract::CONTENTION, "other writers hold the locks"),
    ("Neo.ClientError.Transaction.LockClientStopped", Contention, contract::CONTENTION, "other writers hold the locks"),
    ("Neo.TransientError.Transaction.Outdated", Contention, contract::CONTENTION, "the schema changed meanwhile"),
    ("Neo.TransientError.Transaction.ConstraintsChanged", Contention, contract::CONTENTION, "the schema changed meanwhile"),
    ("Neo.TransientError.Schema.SchemaModifiedConcurrently", Contention, contract::CONTENTION, "the schema changed meanwhile"),
    ("Neo.ClientError.Statement.EntityNotFound", Contention, contract::CONTENTION, "another writer deleted what this one was writing"),
    ("Neo.ClientError.Schema.ConstraintValidationFailed", RaceOrData, codes::CONSTRAINT, "the data violate a constraint of the database"),
    // memory
    ("Neo.TransientError.General.MemoryPoolOutOfMemoryError", TooMuch, codes::MEMORY, "raise dbms.memory.transaction.total.max or make batches smaller"),
    ("Neo.TransientError.General.TransactionMemoryLimit", TooMuch, codes::MEMORY, "raise db.memory.transaction.max or make batches smaller"),
    ("Neo.TransientError.General.TransactionOutOfMemoryError", TooMuch, codes::MEMORY, "raise db.memory.transaction.max or make batches smaller"),
    ("Neo.ClientError.General.TransactionOutOfMemoryError", TooMuch, codes::MEMORY, "raise db.memory.transaction.max or make batches smaller"),
    ("Neo.TransientError.General.OutOfMemoryError", TooMuch, codes::MEMORY, "give the server more heap"),
    ("Neo.DatabaseError.General.OutOfMemoryError", TooMuch, codes::MEMORY, "give the server more heap"),
    ("Neo.TransientError.General.StackOverFlowError", TooMuch, codes::MEMORY, "give the server's threads more stack"),
    ("Neo.DatabaseError.General.StackOverflowError", TooMuch, codes::MEMORY, "give the server's threads more stack"),
    // ended by the server
    ("Neo.ClientError.Transaction.TransactionTimedOut", Outage, contract::DEADLINE_EXCEEDED, "the server's db.transaction.timeout ended it"),
    ("Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration", Outage, contract::DEADLINE_EXCEEDED, "the server ended it"),
    // security
    ("Neo.ClientError.Security.Unauthorized", SetUp, codes::AUTHENTICATION, "check user and password"),
    ("Neo.ClientError.Security.CredentialsExpired", SetUp, codes::AUTHENTICATION, "change the initial password: ALTER CURRENT USER SET PASSWORD"),
    ("Neo.ClientError.Security.TokenExpired", SetUp, codes::AUTHENTICATION, "renew the credentials"),
    ("Neo.ClientError.Security.AuthenticationRateLimit", Outage, codes::AUTHENTICATION, "too many wrong logins; the server takes new ones after some seconds"),
    ("Neo.ClientError.Security.AuthorizationExpired", Outage, codes::AUTHENTICATION, "the server asks for a new login"),
    ("Neo.TransientError.Security.", Outage, codes::AUTHENTICATION, "the server's authentication provider does not answer"),
    ("Neo.ClientError.Security.", SetUp, codes::FORBIDDEN, "grant the user to read, write and create constraints"),
    // where to
    ("Neo.ClientError.Database.DatabaseNotFound", SetUp, codes::DATABASE_MISSING, "create the database or name another one"),
    ("Neo.ClientError.Database.", SetUp, codes::DATABASE_MISSING, "name another database"),
    ("Neo.ClientError.Cluster.NotALeader", Outage, codes::READ_ONLY, "name the address of the leader"),
    ("Neo.ClientError.Cluster.", Outage, codes::READ_ONLY, "name the address of the leader"),
    ("Neo.ClientError.General.ForbiddenOnReadOnlyDatabase", SetUp, codes::READ_ONLY, "make the database writable"),
    ("Neo.ClientError.General.WriteOnReadOnlyAccessDatabase", SetUp, codes::READ_ONLY, "make the database writable"),
    ("Neo.ClientError.Statement.AccessMode", SetUp, codes::READ_ONLY, "make the database writable"),
    ("Neo.ClientError.Statement.NotSystemDatabaseError", SetUp, codes::DATABASE_MISSING, "name a database that is not the system's"),
    // disk and damage
    ("Neo.DatabaseError.Transaction.TransactionLogError", Outage, codes::DISK, "look at the server's disk and its debug.log"),
    ("Neo.DatabaseError.Transaction.TransactionCommitFailed", Outage, codes::DISK, "look at the server's disk and its debug.log"),
    // the schema, while it is made ready
    ("Neo.DatabaseError.Schema.", SetUp, codes::SCHEMA, "data in the database forbid the constraint, or an index of another kind is in its place"),
    // the statement and its values
    ("Neo.ClientError.Statement.TypeError", Data, codes::VALUE, "a value has a type that the statement cannot take"),
    ("Neo.ClientError.Statement.ArithmeticError", Data, codes::VALUE, "a value is beyond what the statement can reckon with"),
    ("Neo.ClientError.Statement.ArgumentError", Data, codes::VALUE, "a value is none the statement can take"),
    ("Neo.ClientError.Statement.PropertyNotFound", Data, codes::VALUE, "a property is missing"),
    ("Neo.ClientError.Statement.ExternalResourceFailed", Doubtful, codes::STATEMENT, "the statement reads something outside the database"),
    ("Neo.ClientError.Statement.", Data, codes::STATEMENT, "the statement does not run on this server"),
    ("Neo.ClientError.Procedure.", Data, codes::STATEMENT, "the statement calls a procedure that fails or is not there"),
    ("Neo.ClientError.Schema.", Data, codes::CONSTRAINT, "the data do not fit the schema of the database"),
    ("Neo.ClientError.General.InvalidArguments", Data, codes::VALUE, "a value is none the server can take"),
    ("Neo.ClientError.Transaction.", Outage, codes::UNAVAILABLE, "the transaction was ended from outside"),
    ("Neo.DatabaseError.Statement.", Doubtful, codes::SERVER_ERROR, "look into the server's debug.log"),
    // whatever else
    ("Neo.TransientError.", Outage, codes::UNAVAILABLE, "the server takes no work for now"),
    ("Neo.DatabaseError.", Outage, codes::SERVER_ERROR, "look into the server's debug.log"),
    ("Neo.ClientError.", Doubtful, codes::REFUSED, "look the code up in Neo4j's list of status codes"),
    ("", Outage, codes::SERVER_ERROR, "look into the server's debug.log"),
];

fn look_up(code: &str) -> &'static Line {
    const UNKNOWN: Line = ("", Outage, codes::SERVER_ERROR, "");
    let matches = |pattern: &str| {
        code == pattern
            || ((pattern.is_empty() || pattern.ends_with('.')) && code.starts_with(pattern))
    };
    TABLE
        .iter()
        .find(|line| matches(line.0))
        .unwrap_or(const { &UNKNOWN })
}

impl Verdict {
    /// What an error is, whoever meets it.
    pub(crate) fn of(error: &StoreError) -> Self {
        judge(error).0
    }

    /// Whether the same transaction may pass a few milliseconds later.
    pub(crate) fn is_worth_another_try(self) -> bool {
        matches!(self, Contention | RaceOrData)
    }

    fn class_in_process(self) -> FailureClass {
        match self {
            Data | RaceOrData => FailureClass::Permanent,
            Doubtful => FailureClass::Transient,
            Contention | NoTurn | Outage | TooMuch | SetUp => FailureClass::Unavailable,
        }
    }

    fn remedy(self) -> Remedy {
        match self {
            Contention | NoTurn => Remedy::Yield,
            TooMuch => Remedy::SmallerBatch,
            _ => Remedy::None,
        }
    }
}

fn judge(error: &StoreError) -> (Verdict, ReasonCode, &'static str) {
    match error {
        StoreError::Server(code) => {
            let (_, verdict, reason, hint) = look_up(code);
            (*verdict, *reason, hint)
        }
        StoreError::Unreachable(_) => (
            Outage,
            contract::DESTINATION_UNREACHABLE,
            "is the server up, and the address right?",
        ),
        StoreError::TimedOut => (
            Outage,
            contract::DEADLINE_EXCEEDED,
            "whether it took effect is unknown",
        ),
        StoreError::Busy => (NoTurn, contract::CONTENTION, "transactions take long"),
        StoreError::Login => (SetUp, codes::AUTHENTICATION, "check user and password"),
        StoreError::LoginLimited => (
            Outage,
            codes::AUTHENTICATION,
            "the server takes new ones after some seconds",
        ),
        StoreError::Answer(_) => (
            Outage,
            codes::ANSWER,
            "is it a Neo4j server, and the statement as described?",
        ),
        StoreError::RowsDropped(_) => (
            Doubtful,
            codes::ROWS_DROPPED,
            "what its MATCH looks for may not be there yet",
        ),
        StoreError::Version(_) => (SetUp, codes::VERSION, "use Neo4j 4.4 or later"),
        StoreError::Schema { .. } => (
            SetUp,
            codes::SCHEMA,
            "grant the right to create it, or mend the data and create it by hand",
        ),
        StoreError::Settings(_) => (SetUp, codes::SETTINGS, "mend the settings"),
    }
}

/// The failure of a batch.
pub(crate) fn in_process(error: StoreError) -> Failure {
    let (verdict, reason, hint) = judge(&error);
    Failure::new(
        verdict.class_in_process(),
        reason,
        format!("{error}; {hint}"),
    )
    .with_remedy(verdict.remedy())
    .with_source(error)
}

/// The failure of making ready: what somebody must mend is permanent here.
pub(crate) fn in_prepare(error: StoreError) -> Failure {
    let (verdict, reason, hint) = judge(&error);
    let class = match verdict {
        SetUp | Data => FailureClass::Permanent,
        _ => FailureClass::Unavailable,
    };
    Failure::new(class, reason, format!("{error}; {hint}")).with_source(error)
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
