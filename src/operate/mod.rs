//! What an operator sees of a worker: health, metrics, log lines.
//!
//! Reads the engine's monitor and the broker's status, changes neither.

#[cfg(feature = "cli")]
pub mod log;
