use super::*;
use std::time::Duration;

fn answer(code: Code) -> StoreError {
    StoreError::Server {
        code,
        message: "m".to_owned(),
        retry_after: None,
        storage_full: false,
    }
}

/// (class in process, class in prepare, code, remedy)
fn both(error: &StoreError) -> (&'static str, &'static str, &'static str, Remedy) {
    let (process, prepare) = (in_process(error.clone()), in_prepare(error.clone()));
    assert_eq!(process.code(), prepare.code());
    (
        process.class().as_str(),
        prepare.class().as_str(),
        process.code().as_str(),
        process.remedy(),
    )
}

#[test]
fn every_grpc_code_has_its_class_and_reason() {
    const P: &str = "permanent";
    const U: &str = "unavailable";
    use Remedy::{None, SmallerBatch, Yield};
    for (code, want) in [
        (Code::InvalidArgument, (P, P, "qdrant-refused", None)),
        (Code::OutOfRange, (P, P, "qdrant-refused", None)),
        (Code::NotFound, (U, U, "qdrant-collection", None)),
        (Code::Unauthenticated, (U, P, "qdrant-forbidden", None)),
        (Code::PermissionDenied, (U, P, "qdrant-forbidden", None)),
        (Code::Unimplemented, (U, P, "qdrant-version", None)),
        (
            Code::ResourceExhausted,
            (U, U, "qdrant-overloaded", SmallerBatch),
        ),
        (Code::Unavailable, (U, U, "qdrant-unavailable", None)),
        (Code::Cancelled, (U, U, "qdrant-unavailable", None)),
        (Code::FailedPrecondition, (U, U, "qdrant-unavailable", None)),
        (Code::DeadlineExceeded, (U, U, "deadline-exceeded", None)),
        (Code::Internal, (U, U, "qdrant-server-error", None)),
        (Code::Unknown, (U, U, "qdrant-server-error", None)),
        (Code::DataLoss, (U, U, "qdrant-server-error", None)),
        (Code::Aborted, (U, U, "contention", Yield)),
        (Code::AlreadyExists, (U, U, "contention", Yield)),
        (Code::Ok, (U, U, "qdrant-answer", None)),
    ] {
        assert_eq!(both(&answer(code)), want, "{code:?}");
    }
}

#[test]
fn the_table_has_each_code_once() {
    for (index, line) in TABLE.iter().enumerate() {
        assert_eq!(line.0 as usize, index, "{:?}", line.0);
    }
}

#[test]
fn resource_exhausted_is_told_apart_by_its_metadata() {
    let limited = StoreError::Server {
        code: Code::ResourceExhausted,
        message: String::new(),
        retry_after: Some(Duration::from_secs(3)),
        storage_full: false,
    };
    assert_eq!(both(&limited).2, "qdrant-overloaded");
    assert_eq!(in_process(limited.clone()).remedy(), Remedy::None);
    assert_eq!(in_process(limited).wait(), Some(Duration::from_secs(3)));
    let full = StoreError::Server {
        code: Code::ResourceExhausted,
        message: String::new(),
        retry_after: None,
        storage_full: true,
    };
    let want = (
        "unavailable",
        "unavailable",
        "qdrant-storage-full",
        Remedy::None,
    );
    assert_eq!(both(&full), want);
}

#[test]
fn what_is_no_answer_of_the_server_has_its_class_too() {
    let name = || "products".to_owned();
    for (error, want) in [
        (
            StoreError::Unreachable("x".to_owned()),
            ("unavailable", "destination-unreachable"),
        ),
        (StoreError::TimedOut, ("unavailable", "deadline-exceeded")),
        (
            StoreError::NotCompleted("WaitTimeout"),
            ("unavailable", "qdrant-not-completed"),
        ),
        (StoreError::Answer("x"), ("unavailable", "qdrant-answer")),
        (
            StoreError::Version("1.15.0".to_owned()),
            ("permanent", "qdrant-version"),
        ),
        (
            StoreError::Dimension {
                name: name(),
                found: 3,
                wanted: 4,
            },
            ("permanent", "qdrant-dimension"),
        ),
        (
            StoreError::Collection {
                name: name(),
                what: "x".to_owned(),
            },
            ("permanent", "qdrant-collection"),
        ),
    ] {
        let (process, prepare, code, _) = both(&error);
        assert_eq!((prepare, code), want);
        assert_eq!(process, "unavailable", "{error}");
    }
}
