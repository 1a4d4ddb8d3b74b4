//! The conformance suite: the laws of the contract as checks that any processor can run.
//!
//! A target implements [`Harness`]; [`conformance_tests!`](crate::conformance_tests) makes one
//! test of each law, [`run_all`] one report. The suite calls the processor the way the runtime
//! does (deadline, panic guard, halving, repeats) and compares states between scopes: what two
//! lots of events left behind must be equal where the law says so. It never fails silently: what
//! the target cannot do stands in the report with a reason.

mod check;
mod harness;
mod law;
mod laws;
pub mod reference;
mod run;
mod runtime;

pub use harness::{Bounds, Fault, Features, Harness, Scope, Support};
pub use law::{Law, LawViolation, Passed, Report};
pub use laws::{
    harness_is_sound, l1_idempotent, l2_complete, l3_honest, l4_order_tolerant, l5_independent,
    l6_cancel_safe, l7_bounded, l8_classed, l9_mute, l10_repeatable, l11_traceable,
};
pub use run::{check, run_all};
