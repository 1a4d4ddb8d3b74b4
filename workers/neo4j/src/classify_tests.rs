use super::*;
use FailureClass::{Permanent, Transient, Unavailable};

fn server(code: &str) -> StoreError {
    StoreError::Server(code.to_owned())
}

/// Class, reason and remedy of a failed batch.
fn processed(code: &str) -> (FailureClass, &'static str, Remedy) {
    let failure = in_process(server(code));
    (failure.class(), failure.code().as_str(), failure.remedy())
}

#[test]
fn every_line_of_the_table_decides_about_something() {
    for (place, line) in TABLE.iter().enumerate() {
        let example = format!("{}{}", line.0, if line.0.ends_with('.') { "X" } else { "" });
        let found = look_up(&example);
        assert_eq!(found.0, line.0, "line {place} is never reached");
    }
}

#[test]
fn what_nobody_knows_is_an_outage_of_the_server() {
    let want = (
        FailureClass::Unavailable,
        "neo4j-server-error",
        Remedy::None,
    );
    for code in ["", "Neo.SomethingNew.X.Y", "garbage"] {
        assert_eq!(processed(code), want, "{code}");
    }
}

#[rustfmt::skip] // a table: one line each
const WANTED: [(&str, FailureClass, &str, Remedy); 25] = [
    ("TransientError.Transaction.DeadlockDetected", Unavailable, "contention", Remedy::Yield),
    ("TransientError.Transaction.LockClientStopped", Unavailable, "contention", Remedy::Yield),
    ("TransientError.Transaction.LockAcquisitionTimeout", Unavailable, "contention", Remedy::Yield),
    ("ClientError.Statement.EntityNotFound", Unavailable, "contention", Remedy::Yield),
    ("ClientError.Schema.ConstraintValidationFailed", Permanent, "neo4j-constraint", Remedy::None),
    ("TransientError.General.MemoryPoolOutOfMemoryError", Unavailable, "neo4j-memory", Remedy::SmallerBatch),
    ("TransientError.General.TransactionMemoryLimit", Unavailable, "neo4j-memory", Remedy::SmallerBatch),
    ("ClientError.Transaction.TransactionTimedOut", Unavailable, "deadline-exceeded", Remedy::None),
    ("ClientError.Transaction.Terminated", Unavailable, "neo4j-unavailable", Remedy::None),
    ("ClientError.Security.Unauthorized", Unavailable, "neo4j-authentication", Remedy::None),
    ("ClientError.Security.Forbidden", Unavailable, "neo4j-forbidden", Remedy::None),
    ("ClientError.Database.DatabaseNotFound", Unavailable, "neo4j-database-missing", Remedy::None),
    ("ClientError.Cluster.NotALeader", Unavailable, "neo4j-read-only", Remedy::None),
    ("ClientError.General.ForbiddenOnReadOnlyDatabase", Unavailable, "neo4j-read-only", Remedy::None),
    ("ClientError.Statement.AccessMode", Unavailable, "neo4j-read-only", Remedy::None),
    ("DatabaseError.Transaction.TransactionLogError", Unavailable, "neo4j-disk", Remedy::None),
    ("TransientError.General.DatabaseUnavailable", Unavailable, "neo4j-unavailable", Remedy::None),
    ("TransientError.Request.NoThreadsAvailable", Unavailable, "neo4j-unavailable", Remedy::None),
    ("DatabaseError.General.UnknownError", Unavailable, "neo4j-server-error", Remedy::None),
    ("ClientError.Statement.SyntaxError", Permanent, "neo4j-statement", Remedy::None),
    ("ClientError.Procedure.ProcedureNotFound", Permanent, "neo4j-statement", Remedy::None),
    ("ClientError.Statement.TypeError", Permanent, "neo4j-value", Remedy::None),
    ("ClientError.Statement.ArithmeticError", Permanent, "neo4j-value", Remedy::None),
    ("ClientError.Request.Invalid", Transient, "neo4j-refused", Remedy::None),
    ("DatabaseError.Statement.ExecutionFailed", Transient, "neo4j-server-error", Remedy::None),
];

#[test]
fn codes_get_class_reason_and_remedy() {
    for (code, class, reason, remedy) in WANTED {
        assert_eq!(
            processed(&format!("Neo.{code}")),
            (class, reason, remedy),
            "{code}"
        );
    }
}

/// At the start somebody is there to mend it; later the event must not pay for it.
#[test]
fn what_somebody_must_mend_is_permanent_only_while_making_ready() {
    let set_up = [
        server("Neo.ClientError.Security.Unauthorized"),
        server("Neo.ClientError.Security.Forbidden"),
        server("Neo.ClientError.Database.DatabaseNotFound"),
        server("Neo.ClientError.General.ForbiddenOnReadOnlyDatabase"),
        server("Neo.DatabaseError.Schema.ConstraintCreationFailed"),
        StoreError::Login,
        StoreError::Version("4.3".to_owned()),
        StoreError::Settings("x".to_owned()),
        StoreError::Schema {
            missing: "x",
            reason: "y".to_owned(),
        },
    ];
    for error in set_up {
        assert_eq!(
            in_prepare(error.clone()).class(),
            FailureClass::Permanent,
            "{error}"
        );
        assert_eq!(
            in_process(error.clone()).class(),
            FailureClass::Unavailable,
            "{error}"
        );
    }
}

#[test]
fn an_outage_is_unavailable_whoever_meets_it() {
    let outages = [
        StoreError::Unreachable("connection refused"),
        StoreError::TimedOut,
        StoreError::LoginLimited,
        StoreError::Answer("x"),
        server("Neo.ClientError.Security.AuthenticationRateLimit"),
        server("Neo.TransientError.General.DatabaseUnavailable"),
    ];
    for error in outages {
        assert_eq!(
            in_prepare(error.clone()).class(),
            FailureClass::Unavailable,
            "{error}"
        );
        assert_eq!(
            in_process(error.clone()).class(),
            FailureClass::Unavailable,
            "{error}"
        );
    }
}

#[test]
fn only_races_are_tried_again_on_the_spot() {
    let again = |code: &str| Verdict::of(&server(code)).is_worth_another_try();
    assert!(again("Neo.TransientError.Transaction.DeadlockDetected"));
    assert!(again("Neo.ClientError.Schema.ConstraintValidationFailed"));
    assert!(!again("Neo.TransientError.General.DatabaseUnavailable"));
    assert!(!again("Neo.ClientError.Statement.TypeError"));
    assert!(!Verdict::of(&StoreError::TimedOut).is_worth_another_try());
    assert!(!Verdict::of(&StoreError::Unreachable("x")).is_worth_another_try());
    // its wait for a turn has been long enough
    assert!(!Verdict::of(&StoreError::Busy).is_worth_another_try());
}
