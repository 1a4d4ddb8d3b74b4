//! The server behind a seam: no type of the driver's answers leaves this folder.
//!
//! Calls go over a channel of our own to the generated clients: `qdrant-client`'s own client
//! resends a call silently when it failed or timed out, and blocks a thread to connect.

mod answer;
mod calls;
mod channel;
mod error;
mod prepare;
mod questions;
mod read;
mod search;

pub use answer::Point;
pub(crate) use calls::{Condition, Fields};
pub use channel::QdrantStore;
pub(crate) use error::StoreError;
pub use search::Near;
