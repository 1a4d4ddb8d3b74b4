//! The runtime that a command runs in.

use crate::exit::{CommandError, Exit};

/// Runs a command to its end.
pub(crate) fn block_on(
    command: impl Future<Output = Result<Exit, CommandError>>,
) -> Result<Exit, CommandError> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| CommandError::new(Exit::StartUp, format!("no runtime: {error}")))?;
    let exit = runtime.block_on(command);
    // A thread may wait for standard input for ever.
    runtime.shutdown_background();
    exit
}
