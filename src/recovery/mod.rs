//! Pure decisions about what becomes of an event. Nothing here waits, publishes or logs.

mod breaker;
mod flood_guard;
mod republish;
mod retry;

pub use breaker::{Breaker, BreakerState};
pub use flood_guard::FloodGuard;
pub use republish::{FailureNote, dead_letter, follow_up, replay, restored, retry, suspect};
pub use retry::{Disposition, decide};

/// Reason codes that the runtime itself gives.
pub mod codes {
    use fanout_contract::ReasonCode;

    /// Delivered from the suspect queue too often without an answer: it kills the process.
    pub const CRASH_SUSPECT: ReasonCode = ReasonCode::new("crash-suspect");
    /// No projection knows the kind, and the configuration says dead-letter.
    pub const UNKNOWN_KIND: ReasonCode = ReasonCode::new("unknown-kind");
    /// A follow-up event that no queue takes.
    pub const UNROUTABLE: ReasonCode = ReasonCode::new("unroutable");
    /// The broker: it waited longer than its queue's `message_ttl`.
    pub const EXPIRED: ReasonCode = ReasonCode::new("expired");
    /// The broker: given back more often than the queue's delivery limit.
    pub const DELIVERY_LIMIT: ReasonCode = ReasonCode::new("delivery-limit");
    /// The broker: the queue was full and dropped it at its head.
    pub const QUEUE_FULL: ReasonCode = ReasonCode::new("queue-full");
    /// The broker: a consumer that is none of ours refused it.
    pub const REJECTED: ReasonCode = ReasonCode::new("rejected");
    /// In a dead-letter queue, and nothing says why.
    pub const NO_REASON: ReasonCode = ReasonCode::new("no-reason");
    /// Halving a failed batch took too many calls or too long; the rest is given back.
    pub const BISECTION_LIMIT: ReasonCode = ReasonCode::new("bisection-limit");
}
