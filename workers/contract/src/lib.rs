//! # What a projection promises
//!
//! This package is all that the author of a processor needs: the nouns
//! ([`Event`], [`Batch`], [`Outcomes`], [`Failure`]), the one trait ([`Processor`]), the laws
//! below, and a conformance suite (feature `conformance`) that checks them.
//!
//! ```
//! use fanout_contract::{Batch, Failure, Outcomes, Processor, SkipReason};
//! use futures::future::BoxFuture;
//! use std::{collections::HashSet, sync::Mutex};
//!
//! /// Remembers every order it has seen.
//! #[derive(Default)]
//! struct Orders(Mutex<HashSet<String>>);
//!
//! #[derive(serde::Deserialize)]
//! struct Order { order_id: String }
//!
//! impl Processor for Orders {
//!     fn name(&self) -> &str { "orders" }
//!
//!     fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
//!         Box::pin(async move {
//!             let mut outcomes = Outcomes::unsettled(batch);
//!             for (slot, event) in batch.iter() {
//!                 if event.kind() != "order.placed" {
//!                     outcomes.skipped(slot, SkipReason::NotMine);
//!                     continue;
//!                 }
//!                 match event.decode::<Order>() {
//!                     Ok(order) => {
//!                         self.0.lock().unwrap().insert(order.order_id);
//!                         outcomes.applied(slot);
//!                     }
//!                     Err(failure) => outcomes.failed(slot, failure),
//!                 }
//!             }
//!             Ok(outcomes)
//!         })
//!     }
//! }
//! ```
//!
//! # Outcomes
//!
//! | verdict | means | what becomes of the event |
//! |---|---|---|
//! | [`Outcome::Applied`] | the destination has confirmed the effect | follow-ups published and confirmed, then acknowledged |
//! | [`Outcome::Skipped`] | no effect was needed | acknowledged, counted by reason |
//! | [`Outcome::Failed`], permanent | this event can never be applied | dead-lettered now |
//! | [`Outcome::Failed`], transient | not just now | next retry stage; dead-lettered after the last |
//! | [`Outcome::Failed`], unavailable | destination down, event innocent | given back, no attempt spent; the lane pauses |
//! | none | the processor forgot it | transient, code `unsettled` |
//!
//! # The laws
//!
//! Each is a check of the same name in the conformance suite, run by every processor and
//! by every fake.
//!
//! * **L1 idempotent**: the same event twice, in one batch or in two, has its effect once.
//! * **L2 complete**: one outcome for every event of the batch.
//! * **L3 honest**: *applied* only after the destination has confirmed.
//! * **L4 order-tolerant**: an older event that arrives late does not undo a newer one.
//! * **L5 independent**: a bad event does not change its neighbours' outcome.
//! * **L6 cancel-safe**: dropped at any await, a repeat converges to the same state.
//! * **L7 bounded**: a call returns within its deadline; no hidden retry loop.
//! * **L8 classed**: outage, bad data and conflict get their class.
//! * **L9 mute**: no payload makes it panic. (A panic is caught all the same.)
//! * **L10 repeatable**: the same event yields the same follow-ups, ids and content, also
//!   after a crash between the commit and their publication. A processor with effects
//!   stores what it answered beside the effect, and answers a repeat *applied* with the
//!   stored follow-ups.
//! * **L11 traceable**: what was answered *applied* is told as applied when it is asked for,
//!   and what was never given is not. (A processor may say that it cannot tell.)
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))]

/// Compiles and runs the code of the guide.
#[cfg(all(doctest, feature = "conformance"))]
#[doc = include_str!("../../README.md")]
struct Guide;

mod applied;
mod batch;
mod config_problem;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod diagnosis;
mod event;
mod failure;
mod follow_up;
mod outcome;
mod processor;
mod when;

pub use applied::{Applied, Trace};
pub use batch::Batch;
pub use config_problem::ConfigProblem;
#[cfg(feature = "runtime")]
pub use event::EventBuilder;
pub use event::{Event, EventId};
pub use failure::{Failure, FailureClass, ReasonCode, Remedy, codes};
pub use follow_up::{FollowUp, MAX_HOPS};
pub use outcome::{Outcome, Outcomes, SkipReason};
pub use processor::Processor;
pub use when::{When, version};
