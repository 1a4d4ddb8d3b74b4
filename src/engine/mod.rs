//! The way of an event through a processor: consume → batch → dispatch → settle.
//!
//! `lane` subscribes again and again; `epoch` owns one channel and all that is unsettled on
//! it; `buffer` holds what waits for a batch; `batch_run`, `dispatch` and `guarded` call the
//! processor; `settle` turns outcomes into messages and `confirm` publishes them; `tracker`
//! turns settled tags into acknowledgements; `destination` is the breaker and flood guard
//! that lanes share; `suspects` isolates what may kill the process;
//! `pause` looks whether an operator wants the queue to rest.
//!
//! Invariant: publish, confirm, acknowledge, in this order. A crash in between duplicates
//! and never loses.

mod alone;
mod batch_run;
mod buffer;
mod confirm;
mod destination;
mod dispatch;
mod epoch;
mod guarded;
mod lane;
mod monitor;
mod pause;
mod run;
mod settle;
mod shared;
mod shutdown;
mod suspects;
mod tracker;

pub use monitor::{Counts, LaneStatus, Monitor, PublishProblem, Snapshot};
pub use run::{Engine, EngineError};
pub use shared::EngineConfig;
pub use shutdown::Shutdown;

#[cfg(test)]
mod smoke_tests;
