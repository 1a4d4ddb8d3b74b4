//! What went wrong, and whose fault it is. Never what the broker shall do about it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// This event can never be applied. It is dead-lettered now.
    Permanent,
    /// This event could not be applied just now. It waits in the next retry stage and is
    /// dead-lettered after the last one.
    Transient,
    /// The destination is down or overloaded; the event is innocent. It is given back
    /// without spending an attempt, the lane pauses, and the breaker counts.
    Unavailable,
}

impl FailureClass {
    /// Stable lower-case name for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Transient => "transient",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A stable reason code: lower-case words joined by `-`, of low cardinality. It goes to
/// metrics, message headers and `docs/errors/CODE.md`, and survives any rewording.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReasonCode(&'static str);

impl ReasonCode {
    /// Names a code. Give every code a page in `docs/errors/`.
    pub const fn new(code: &'static str) -> Self {
        Self(code)
    }

    /// The code as text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The reason codes of the contract itself. A processor adds its own.
pub mod codes {
    use super::ReasonCode;

    /// The payload does not decode into what the processor expects. Permanent.
    pub const PAYLOAD_INVALID: ReasonCode = ReasonCode::new("payload-invalid");
    /// The processor gave no outcome for the event. Transient: silence is never success.
    pub const UNSETTLED: ReasonCode = ReasonCode::new("unsettled");
    /// The processor panicked. Transient.
    pub const PANIC: ReasonCode = ReasonCode::new("panic");
    /// The call passed its deadline; whether it took effect is unknown. Unavailable.
    pub const DEADLINE_EXCEEDED: ReasonCode = ReasonCode::new("deadline-exceeded");
    /// The destination cannot be reached. Unavailable.
    pub const DESTINATION_UNREACHABLE: ReasonCode = ReasonCode::new("destination-unreachable");
    /// Other writers were in the way (deadlock, constraint race). Unavailable, not counted
    /// by the breaker.
    pub const CONTENTION: ReasonCode = ReasonCode::new("contention");
    /// A chain of follow-up events is longer than [`MAX_HOPS`](crate::MAX_HOPS). Permanent.
    pub const HOP_LIMIT: ReasonCode = ReasonCode::new("hop-limit");
}

/// What a failure says beside its class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing more.
    #[default]
    None,
    /// The destination is well, other writers were in the way: a short wait helps, and the
    /// breaker does not count it.
    Yield,
    /// The call was too large for the destination: smaller batches may pass, so the runtime
    /// halves the batch although the class is not a data failure.
    SmallerBatch,
}

/// A classed failure with a stable reason code.
///
/// ```
/// use fanout_contract::{Failure, FailureClass, ReasonCode};
/// const PRICE_NEGATIVE: ReasonCode = ReasonCode::new("price-negative");
/// let failure = Failure::permanent(PRICE_NEGATIVE, "price is -1");
/// assert_eq!(failure.class(), FailureClass::Permanent);
/// assert_eq!(failure.to_string(), "price-negative: price is -1");
/// ```
#[derive(Clone)]
pub struct Failure {
    class: FailureClass,
    code: ReasonCode,
    message: String,
    wait: Option<Duration>,
    remedy: Remedy,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure of this class.
    pub fn new(class: FailureClass, code: ReasonCode, message: impl Into<String>) -> Self {
        Self {
            class,
            code,
            message: message.into(),
            wait: None,
            remedy: Remedy::None,
            source: None,
        }
    }

    /// This event can never be applied.
    pub fn permanent(code: ReasonCode, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Permanent, code, message)
    }

    /// This event could not be applied just now.
    pub fn transient(code: ReasonCode, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Transient, code, message)
    }

    /// The destination is down or overloaded.
    pub fn unavailable(code: ReasonCode, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Unavailable, code, message)
    }

    /// Adds how long the destination asks to be left alone.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Adds what may help.
    #[must_use]
    pub fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.remedy = remedy;
        self
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Whose fault it is.
    pub fn class(&self) -> FailureClass {
        self.class
    }

    /// The stable reason code.
    pub fn code(&self) -> ReasonCode {
        self.code
    }

    /// What happened, lower-case, without payload or secrets.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How long the destination asks to be left alone, where it said so.
    pub fn wait(&self) -> Option<Duration> {
        self.wait
    }

    /// What may help.
    pub fn remedy(&self) -> Remedy {
        self.remedy
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Failure({}, {}: {})",
            self.class.as_str(),
            self.code,
            self.message
        )
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn Error + 'static))
    }
}
