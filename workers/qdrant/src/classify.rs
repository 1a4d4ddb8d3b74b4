//! One table: what went wrong → whose fault it is, its code, and what to do.

use fanout_contract::{Failure, FailureClass, ReasonCode, Remedy, codes as contract};
use tonic::Code;

use crate::codes;
use crate::store::StoreError;

/// What an error means, whoever meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The data are at fault: halved until the bad event is alone.
    Data,
    /// Somebody has to mend the server's set-up or ours.
    SetUp,
    /// The server is down or overloaded; it may pass.
    Outage,
    /// The request was too large; smaller ones may pass.
    TooMuch,
    /// Other writers were in the way.
    Contention,
}

use Verdict::{Contention, Data, Outage, SetUp, TooMuch};

/// gRPC codes as Qdrant uses them. `ResourceExhausted` is told apart by its metadata below.
#[rustfmt::skip]
const TABLE: [(Code, Verdict, ReasonCode, &str); 17] = [
    (Code::Ok,                 Outage,     codes::ANSWER,                  "is it a Qdrant server?"),
    (Code::Cancelled,          Outage,     codes::UNAVAILABLE,             "the server gave the call up"),
    (Code::Unknown,            Outage,     codes::SERVER_ERROR,            "look into the server's log"),
    (Code::InvalidArgument,    Data,       codes::REFUSED,                 "the data do not fit the collection, or a limit of strict mode"),
    (Code::DeadlineExceeded,   Outage,     contract::DEADLINE_EXCEEDED,    "whether it took effect is unknown"),
    (Code::NotFound,           SetUp,      codes::COLLECTION,              "a collection is missing; it is created again when the destination is probed"),
    (Code::AlreadyExists,      Contention, contract::CONTENTION,           "another writer was first"),
    (Code::PermissionDenied,   SetUp,      codes::FORBIDDEN,               "give a key that may write and create collections"),
    (Code::ResourceExhausted,  TooMuch,    codes::OVERLOADED,              "make requests or batches smaller, or raise the server's limit"),
    (Code::FailedPrecondition, Outage,     codes::UNAVAILABLE,             "the server is locked, or not ready"),
    (Code::Aborted,            Contention, contract::CONTENTION,           "another writer was in the way"),
    (Code::OutOfRange,         Data,       codes::REFUSED,                 "a value is beyond what the server takes"),
    (Code::Unimplemented,      SetUp,      codes::VERSION,                 "use Qdrant 1.16 or later, and its gRPC port"),
    (Code::Internal,           Outage,     codes::SERVER_ERROR,            "look into the server's log"),
    (Code::Unavailable,        Outage,     codes::UNAVAILABLE,             "the server takes no work for now"),
    (Code::DataLoss,           Outage,     codes::SERVER_ERROR,            "look into the server's log"),
    (Code::Unauthenticated,    SetUp,      codes::FORBIDDEN,               "set QDRANT_API_KEY"),
];

fn judge(error: &StoreError) -> (Verdict, ReasonCode, &'static str) {
    match error {
        StoreError::Server {
            storage_full: true, ..
        } => (Outage, codes::STORAGE_FULL, "give the server more room"),
        StoreError::Server {
            code: Code::ResourceExhausted,
            retry_after: Some(_),
            ..
        } => (
            Outage,
            codes::OVERLOADED,
            "the server limits the rate of requests",
        ),
        StoreError::Server { code, .. } => TABLE.iter().find(|line| line.0 == *code).map_or(
            (Outage, codes::SERVER_ERROR, "look into the server's log"),
            |line| (line.1, line.2, line.3),
        ),
        StoreError::Unreachable(_) => (
            Outage,
            contract::DESTINATION_UNREACHABLE,
            "is the server up, and the address that of its gRPC port?",
        ),
        StoreError::TimedOut => (
            Outage,
            contract::DEADLINE_EXCEEDED,
            "whether it took effect is unknown",
        ),
        StoreError::NotCompleted(_) => (
            Outage,
            codes::NOT_COMPLETED,
            "the server is behind with its updates",
        ),
        StoreError::Answer(_) => (Outage, codes::ANSWER, "is it a Qdrant server?"),
        StoreError::Version(_) => (SetUp, codes::VERSION, "use Qdrant 1.16 or later"),
        StoreError::Collection { .. } => (
            SetUp,
            codes::COLLECTION,
            "set qdrant.collection_prefix, or remove the collection",
        ),
        StoreError::Dimension { .. } => (
            SetUp,
            codes::DIMENSION,
            "set qdrant.dimension to that of the collection, or qdrant.collection_prefix for new ones",
        ),
    }
}

fn failure(error: StoreError, class: impl Fn(Verdict, &StoreError) -> FailureClass) -> Failure {
    let (verdict, reason, hint) = judge(&error);
    let class = class(verdict, &error);
    let mut failure = Failure::new(class, reason, format!("{error}; {hint}"));
    if let StoreError::Server {
        retry_after: Some(wait),
        ..
    } = &error
    {
        failure = failure.with_wait(*wait);
    }
    let remedy = match verdict {
        TooMuch => Remedy::SmallerBatch,
        Contention => Remedy::Yield,
        Data | SetUp | Outage => Remedy::None,
    };
    failure.with_remedy(remedy).with_source(error)
}

/// The failure of a batch.
pub(crate) fn in_process(error: StoreError) -> Failure {
    failure(error, |verdict, _| match verdict {
        Data => FailureClass::Permanent,
        SetUp | Outage | TooMuch | Contention => FailureClass::Unavailable,
    })
}

/// The failure of making ready: what somebody must mend is permanent here. A collection that
/// is missing is not: it was created a moment ago.
pub(crate) fn in_prepare(error: StoreError) -> Failure {
    failure(error, |verdict, error| match (verdict, error) {
        (
            SetUp,
            StoreError::Server {
                code: Code::NotFound,
                ..
            },
        ) => FailureClass::Unavailable,
        (SetUp | Data, _) => FailureClass::Permanent,
        (Outage | TooMuch | Contention, _) => FailureClass::Unavailable,
    })
}

/// Another writer of the same profile or product was faster, several times in a row.
pub(crate) fn contention(what: &str) -> Failure {
    let message = format!("other writers of the same {what} were faster");
    Failure::unavailable(contract::CONTENTION, message).with_remedy(Remedy::Yield)
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
