//! Tries a processor on the whole runtime: lanes, batches, retry stages, dead letters and
//! follow-ups, on the local broker in memory, in one process.
//!
//! On tokio's paused clock (`start_paused = true`, feature `test-util`) a retry plan of hours
//! takes milliseconds. [`Trial`] is the kit; [`Process`] is the worker in it, for tests that
//! bring their own broker. Nothing here is meant for production.
//!
//! ```
//! use fanout::testing::{End, Trial};
//! use fanout_contract::{Batch, Failure, FollowUp, Outcome, Outcomes, Processor, ReasonCode};
//! use futures::future::BoxFuture;
//! use serde_json::json;
//!
//! struct Mailer;
//!
//! impl Processor for Mailer {
//!     fn name(&self) -> &str { "mailer" }
//!
//!     fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
//!         Box::pin(async move {
//!             let mut outcomes = Outcomes::unsettled(batch);
//!             for (slot, event) in batch.iter() {
//!                 let busy = Failure::transient(ReasonCode::new("mail-busy"), "not just now");
//!                 outcomes.set(slot, match event.kind() {
//!                     "order.placed" if event.attempt() < 3 => Outcome::Failed(busy),
//!                     "order.placed" => Outcome::Applied(vec![FollowUp::new("mail.sent", json!({}))]),
//!                     _ => Outcome::Failed(busy),
//!                 });
//!             }
//!             Ok(outcomes)
//!         })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let trial = Trial::of(Mailer).start();
//! let order = trial.publish("order.placed", json!({ "order": 1 })).await?;
//! let other = trial.publish("order.lost", json!({})).await?;
//! let report = trial.settled().await?;
//!
//! assert_eq!(report.end(&order), Some(End::Applied));
//! // At once, after 5 s, after 30 s more: the default plan.
//! let after: Vec<_> = report.tries(&order).iter().map(|t| t.after.as_secs()).collect();
//! assert_eq!(after, [0, 5, 35]);
//! assert_eq!(report.follow_ups()[0].kind(), "mail.sent");
//! assert_eq!(report.end(&other), Some(End::DeadLettered("mail-busy".into())));
//! # Ok(())
//! # }
//! ```

mod observed;
mod process;
mod report;
#[cfg(test)]
mod tests;
mod trial;

pub use process::Process;
pub use report::{Answer, DeadLetter, End, Report, Try};
pub use trial::{NotSettled, Setup, Trial, quiet};
