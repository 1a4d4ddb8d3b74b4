//! Where an event is, and waiting until it is applied.
//!
//! `stores` asks the stores of the configured queues through
//! [`Processor::applied`](fanout_contract::Processor::applied), once or until they have the
//! events; `queues` looks through retry stages and dead letters; `places` puts both together.
//! Nothing here changes anything.

mod places;
mod queues;
mod stores;
#[cfg(test)]
mod tests;

pub use places::{Place, State, at_broker, in_stores, places};
pub use queues::{Found, Look, look};
pub use stores::{Seen, Stores};
