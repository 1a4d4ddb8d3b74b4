//! What went wrong with the database, and whether trying again may mend it.

use std::error::Error;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::broker::BrokerError;

/// Why the outbox cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// The URL cannot be used, or a file of the TLS settings cannot be read.
    #[error("the settings of the outbox cannot be used: {0}")]
    Settings(String),
    /// No connection, or it was lost, or no answer came in time.
    #[error("not connected to the database: {0}")]
    NotConnected(String),
    /// User, password, database or privilege refused.
    #[error("the database refuses access: {0}")]
    AccessRefused(String),
    /// The table or one of its columns does not exist.
    #[error("the outbox table is missing or older: {0}")]
    Table(String),
    /// The server refused a statement for another reason.
    #[error("the database refuses a statement: {0}")]
    Statement(String),
    /// The broker is given up.
    #[error("the broker is given up: {0}")]
    Broker(BrokerError),
}

impl OutboxError {
    /// No answer within this time.
    pub(super) fn timed_out(deadline: Duration) -> Self {
        Self::NotConnected(format!("no answer within {deadline:?}"))
    }

    /// Whether trying again may mend it.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::NotConnected(_) | Self::Statement(_))
    }

    /// Stable code for logs and health.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Settings(_) => "outbox-settings",
            Self::NotConnected(_) => "outbox-not-connected",
            Self::AccessRefused(_) => "outbox-access-refused",
            Self::Table(_) => "outbox-table",
            Self::Statement(_) => "outbox-statement",
            Self::Broker(error) => error.code(),
        }
    }
}

impl From<tokio_postgres::Error> for OutboxError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(answer) => refused(answer.code(), answer.message()),
            None => Self::NotConnected(text(&error)),
        }
    }
}

fn refused(state: &SqlState, message: &str) -> OutboxError {
    let message = format!("{message} ({})", state.code());
    let class = state.code().get(..2).unwrap_or_default();
    match (class, state.code()) {
        // Authorization, unknown database, missing privilege.
        ("28", _) | ("3D", _) | (_, "42501") => OutboxError::AccessRefused(message),
        // Table, column, schema, type of a column.
        (_, "42P01" | "42703" | "3F000" | "42804" | "42846" | "42883") => {
            OutboxError::Table(message)
        }
        // Lost, out of resources, ended or cancelled by an operator or a deadline, read-only.
        ("08" | "53" | "57" | "25" | "40" | "55" | "58", _) => OutboxError::NotConnected(message),
        _ => OutboxError::Statement(message),
    }
}

/// An error with its causes: the driver's own text names none of them.
pub(super) fn text(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(state: &SqlState) -> &'static str {
        refused(state, "text").code()
    }

    #[test]
    fn what_somebody_has_to_mend_is_told_from_what_passes() {
        assert_eq!(of(&SqlState::INVALID_PASSWORD), "outbox-access-refused");
        assert_eq!(of(&SqlState::INVALID_CATALOG_NAME), "outbox-access-refused");
        assert_eq!(
            of(&SqlState::INSUFFICIENT_PRIVILEGE),
            "outbox-access-refused"
        );
        assert_eq!(of(&SqlState::UNDEFINED_TABLE), "outbox-table");
        assert_eq!(of(&SqlState::UNDEFINED_COLUMN), "outbox-table");
        for passes in [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::QUERY_CANCELED,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::T_R_DEADLOCK_DETECTED,
        ] {
            assert!(refused(&passes, "text").is_temporary(), "{passes:?}");
        }
        assert!(!refused(&SqlState::UNDEFINED_TABLE, "text").is_temporary());
    }
}
