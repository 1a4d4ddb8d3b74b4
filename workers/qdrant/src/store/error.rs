//! What can go wrong with a call.

use std::time::Duration;
use tonic::{Code, Status};

/// Longest part of a server's message that is kept.
const LONGEST_MESSAGE: usize = 200;

/// Metadata of Qdrant: seconds to wait, and that there is no room left.
const RETRY_AFTER: &str = "retry-after";
const STORAGE_FULL: &str = "qdrant-insufficient-storage";

/// What went wrong. Judged by `classify`.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("qdrant answers {:?}: {message}", code)]
    Server {
        code: Code,
        message: String,
        retry_after: Option<Duration>,
        storage_full: bool,
    },
    #[error("qdrant cannot be reached: {0}")]
    Unreachable(String),
    #[error("qdrant did not answer in time")]
    TimedOut,
    #[error("qdrant took a write, but says {0} instead of completed")]
    NotCompleted(&'static str),
    #[error("qdrant's answer cannot be read: {0}")]
    Answer(&'static str),
    #[error("qdrant is of version {0}")]
    Version(String),
    #[error("collection {name} {what}")]
    Collection { name: String, what: String },
    #[error("collection {name} has dimension {found}, configured is {wanted}")]
    Dimension {
        name: String,
        found: u64,
        wanted: u64,
    },
}

impl From<Status> for StoreError {
    fn from(status: Status) -> Self {
        // What the server says has no source; what happened on the way has one.
        if let Some(source) = std::error::Error::source(&status) {
            return if is_timeout(source) {
                Self::TimedOut
            } else {
                Self::Unreachable(deepest(source))
            };
        }
        let metadata = status.metadata();
        let retry_after = metadata.get(RETRY_AFTER).and_then(|value| {
            let seconds: f64 = value.to_str().ok()?.trim().parse().ok()?;
            Duration::try_from_secs_f64(seconds).ok()
        });
        Self::Server {
            code: status.code(),
            message: shortened(status.message()),
            retry_after,
            storage_full: metadata.contains_key(STORAGE_FULL),
        }
    }
}

fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(one) = error {
        if one.is::<tonic::TimeoutExpired>() {
            return true;
        }
        error = one.source();
    }
    false
}

/// The outer errors of a connection only say that there was an inner one.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    shortened(&error.to_string())
}

fn shortened(message: &str) -> String {
    message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST_MESSAGE)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::metadata::MetadataMap;

    fn exhausted(entries: &[(&'static str, &str)]) -> StoreError {
        let mut metadata = MetadataMap::new();
        for (key, value) in entries {
            metadata.insert(*key, value.parse().unwrap());
        }
        Status::with_metadata(Code::ResourceExhausted, "no", metadata).into()
    }

    #[test]
    fn the_wait_and_the_full_disk_are_read_from_the_metadata() {
        let read = |error| match error {
            StoreError::Server {
                retry_after,
                storage_full,
                ..
            } => (retry_after, storage_full),
            other => panic!("{other:?}"),
        };
        assert_eq!(read(exhausted(&[])), (None, false));
        let seven = Some(Duration::from_secs(7));
        assert_eq!(read(exhausted(&[("retry-after", "7")])), (seven, false));
        assert_eq!(read(exhausted(&[("retry-after", "soon")])), (None, false));
        assert_eq!(read(exhausted(&[("retry-after", "-1")])), (None, false));
        assert_eq!(
            read(exhausted(&[("qdrant-insufficient-storage", "true")])),
            (None, true)
        );
    }

    #[test]
    fn a_message_is_one_line_of_bounded_length() {
        let StoreError::Server { message, .. } = Status::internal("a\nb".repeat(500)).into() else {
            panic!()
        };
        assert_eq!(message.chars().count(), LONGEST_MESSAGE);
        assert!(!message.contains('\n'));
    }
}
