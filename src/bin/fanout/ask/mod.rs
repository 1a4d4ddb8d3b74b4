//! `fanout recommend`, `fanout similar`, `fanout graph`: what the projections are for.
//!
//! `id` reads what the user typed; `vectors` and `graph` each ask one store: the configured
//! one, or that of a folder which the demonstration has kept.

#[cfg(feature = "embedded")]
mod folder;
#[cfg(feature = "neo4j")]
pub(crate) mod graph;
mod id;
#[cfg(feature = "qdrant")]
pub(crate) mod vectors;

use std::time::Duration;

use fanout_contract::{Failure, FailureClass, codes};

use crate::exit::{CommandError, Exit};

/// A person waits for the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a store could not do.
pub(crate) fn failed(store: &str, variable: &str, failure: &Failure) -> CommandError {
    let (code, message) = (failure.code(), failure.message());
    let exit = match failure.class() {
        FailureClass::Unavailable => Exit::StartUp,
        FailureClass::Permanent | FailureClass::Transient => Exit::RunTime,
    };
    let error = CommandError::new(exit, format!("cannot ask {store}: {message} ({code})"));
    // of every other failure the processor itself says what to do
    match code == codes::DESTINATION_UNREACHABLE || code == codes::DEADLINE_EXCEEDED {
        true => error.hint(format!(
            "is it running there? {variable} says where to connect"
        )),
        false => error.hint(format!("docs/errors/{code}.md says more")),
    }
}
