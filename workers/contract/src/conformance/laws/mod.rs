//! One file per law; each function is the law's check.

mod corpus;
mod harness_is_sound;
mod l10_repeatable;
mod l11_traceable;
mod l1_idempotent;
mod l2_complete;
mod l3_honest;
mod l4_order_tolerant;
mod l5_independent;
mod l6_cancel_safe;
mod l7_bounded;
mod l8_classed;
mod l9_mute;

pub use harness_is_sound::harness_is_sound;
pub use l1_idempotent::l1_idempotent;
pub use l2_complete::l2_complete;
pub use l3_honest::l3_honest;
pub use l4_order_tolerant::l4_order_tolerant;
pub use l5_independent::l5_independent;
pub use l6_cancel_safe::l6_cancel_safe;
pub use l7_bounded::l7_bounded;
pub use l8_classed::l8_classed;
pub use l9_mute::l9_mute;
pub use l10_repeatable::l10_repeatable;
pub use l11_traceable::l11_traceable;
