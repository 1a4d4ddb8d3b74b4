//! The catalogue of log records: level, message and fields of each, in one place.
//!
//! `docs/operations/logs.md` promises them to an operator; a test holds the page against
//! [`catalogue`]. Each record is a function, called where it happens; what may happen often is
//! rationed there (`super::outage`). Records at level debug and below are nobody's promise.
//!
//! Invariant: no payload, no secret, and no text of a failure that may quote a payload.

#[cfg(feature = "cli")]
mod access;
mod broker;
mod engine;
#[cfg(feature = "cli")]
mod gateway;
mod operate;
#[cfg(feature = "outbox")]
mod outbox;
#[cfg(feature = "cli")]
mod program;
mod publish;
#[cfg(test)]
mod tests;
#[cfg(feature = "cli")]
mod traces;
mod worker;

#[cfg(feature = "cli")]
pub(super) use access::request;
pub(crate) use broker::*;
pub(crate) use engine::*;
#[cfg(feature = "cli")]
pub use gateway::*;
pub(crate) use operate::*;
#[cfg(feature = "outbox")]
pub use outbox::*;
#[cfg(feature = "cli")]
pub use program::*;
pub(crate) use publish::*;
#[cfg(feature = "cli")]
pub(crate) use traces::*;
pub(crate) use worker::*;

use tracing::Level;

/// A record as it is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// What filter directives (`FANOUT_LOG`) call it by.
    pub target: &'static str,
    /// Its level.
    pub level: Level,
    /// The message, which names it.
    pub message: &'static str,
    /// Names of the fields. One that says nothing may be missing.
    pub fields: &'static [&'static str],
}

/// Every record of this build.
pub fn catalogue() -> impl Iterator<Item = &'static Record> {
    let parts = [
        worker::RECORDS,
        engine::RECORDS,
        broker::RECORDS,
        publish::RECORDS,
        operate::RECORDS,
        #[cfg(feature = "cli")]
        program::RECORDS,
        #[cfg(feature = "cli")]
        gateway::RECORDS,
        #[cfg(feature = "cli")]
        access::RECORDS,
        #[cfg(feature = "cli")]
        traces::RECORDS,
        #[cfg(feature = "outbox")]
        outbox::RECORDS,
    ];
    parts.into_iter().flatten()
}

/// Functions that emit records, and the table of these records.
macro_rules! records {
    ($target:literal; $(
        $(#[$meta:meta])*
        $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?)
            $level:ident $message:literal { $($field:ident = $value:expr),* $(,)? }
    )+) => {
        $(
            $(#[$meta])*
            $vis fn $name($($arg: $type),*) {
                tracing::event!(
                    target: $target, tracing::Level::$level, $($field = $value,)* $message
                );
            }
        )+
        pub(super) const RECORDS: &[super::Record] = &[$(super::Record {
            target: $target,
            level: tracing::Level::$level,
            message: $message,
            fields: &[$(stringify!($field)),*],
        }),+];
    };
}
pub(crate) use records;
