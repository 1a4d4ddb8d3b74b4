//! Circuit breaker of one destination: pure state, the clock comes in as an argument.

use tokio::time::Instant;

use crate::config::BreakerConfig;

/// Where the breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Batches pass.
    Closed,
    /// Nothing passes; a probe may run from `until` on.
    Open {
        /// When the next probe may run.
        until: Instant,
    },
    /// The probe has succeeded: one batch of one event passes.
    HalfOpen,
}

impl BreakerState {
    /// Stable lower-case name for health and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// Circuit breaker of one destination.
#[derive(Debug)]
pub struct Breaker {
    config: BreakerConfig,
    failures: u32,
    state: BreakerState,
}

impl Breaker {
    /// A breaker that waits for its first probe: nothing passes before the destination has
    /// been prepared once.
    pub fn unprobed(config: BreakerConfig, now: Instant) -> Self {
        Self {
            config,
            failures: 0,
            state: BreakerState::Open { until: now },
        }
    }

    /// Where it stands.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// The destination has answered.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        if self.state == BreakerState::HalfOpen {
            self.state = BreakerState::Closed;
        }
    }

    /// The destination was unavailable. Opens after `failures` in a row, and from half-open
    /// at once.
    pub fn unavailable(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        let closed = self.state == BreakerState::Closed;
        if self.state == BreakerState::HalfOpen || (closed && self.failures >= self.config.failures)
        {
            self.open(now);
        }
    }

    /// The probe has succeeded. `first` = no batch has ever run: closes at once.
    pub fn probe_succeeded(&mut self, first: bool) {
        if let BreakerState::Open { .. } = self.state {
            self.failures = 0;
            self.state = if first {
                BreakerState::Closed
            } else {
                BreakerState::HalfOpen
            };
        }
    }

    /// The probe has failed; the next may run after the open time.
    pub fn probe_failed(&mut self, now: Instant) {
        self.open(now);
    }

    fn open(&mut self, now: Instant) {
        self.state = BreakerState::Open {
            until: now + self.config.open_for,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn closed() -> (Breaker, Instant) {
        let now = Instant::now();
        let mut breaker = Breaker::unprobed(BreakerConfig::default(), now);
        breaker.probe_succeeded(true);
        (breaker, now)
    }

    #[test]
    fn it_opens_after_five_failures_in_a_row_for_thirty_seconds() {
        let (mut breaker, now) = closed();
        for _ in 0..4 {
            breaker.unavailable(now);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        breaker.unavailable(now);
        assert_eq!(
            breaker.state(),
            BreakerState::Open {
                until: now + Duration::from_secs(30)
            }
        );
    }

    #[test]
    fn a_success_in_between_starts_the_count_again() {
        let (mut breaker, now) = closed();
        for _ in 0..4 {
            breaker.unavailable(now);
        }
        breaker.succeeded();
        breaker.unavailable(now);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn the_trial_after_the_probe_closes_it_or_opens_it_again() {
        let (mut breaker, now) = closed();
        for _ in 0..5 {
            breaker.unavailable(now);
        }
        breaker.probe_succeeded(false);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.unavailable(now);
        assert!(matches!(breaker.state(), BreakerState::Open { .. }));
        breaker.probe_succeeded(false);
        breaker.succeeded();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_late_answer_from_before_does_not_close_an_open_breaker() {
        let (mut breaker, now) = closed();
        for _ in 0..5 {
            breaker.unavailable(now);
        }
        breaker.succeeded();
        assert!(matches!(breaker.state(), BreakerState::Open { .. }));
    }
}
