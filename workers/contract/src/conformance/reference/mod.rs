//! A processor in memory that keeps every law: the model for fakes, and the proof that the
//! suite can be passed.

mod harness;
mod processor;
mod store;

pub use harness::ReferenceHarness;
pub use processor::ReferenceProcessor;
pub use store::{Change, Store, StoreError};
