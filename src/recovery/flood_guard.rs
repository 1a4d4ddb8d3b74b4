//! Notices when a queue is about to be poured into the dead-letter queue.

use std::collections::{HashMap, VecDeque};

use fanout_contract::ReasonCode;

use crate::config::FloodGuardConfig;

/// Looks at the last events: trips when more than the configured share of a full window
/// would be dead-lettered with one code, which is a bad deploy rather than bad events.
#[derive(Debug)]
pub struct FloodGuard {
    config: FloodGuardConfig,
    recent: VecDeque<Option<ReasonCode>>,
    counts: HashMap<ReasonCode, usize>,
}

impl FloodGuard {
    /// A guard that has seen nothing.
    pub fn new(config: FloodGuardConfig) -> Self {
        Self {
            config,
            recent: VecDeque::new(),
            counts: HashMap::new(),
        }
    }

    /// Notes one event: the code it would be dead-lettered with, or `None`.
    pub fn observe(&mut self, code: Option<ReasonCode>) {
        if !self.config.enabled {
            return;
        }
        self.recent.push_back(code);
        if let Some(code) = code {
            *self.counts.entry(code).or_default() += 1;
        }
        if self.recent.len() > self.config.window
            && let Some(Some(old)) = self.recent.pop_front()
            && let Some(count) = self.counts.get_mut(&old)
        {
            *count = count.saturating_sub(1);
        }
    }

    /// The code that floods, once a full window has been seen.
    pub fn flooding(&self) -> Option<ReasonCode> {
        if !self.config.enabled || self.recent.len() < self.config.window {
            return None;
        }
        #[allow(clippy::cast_precision_loss, reason = "a window is far below 2^52")]
        let limit = self.config.window as f64 * self.config.share;
        #[allow(clippy::cast_precision_loss, reason = "a window is far below 2^52")]
        let over = |count: usize| count as f64 > limit;
        self.counts
            .iter()
            .find(|(_, count)| over(**count))
            .map(|(code, _)| *code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: ReasonCode = ReasonCode::new("bad");

    fn after(events: impl IntoIterator<Item = Option<ReasonCode>>) -> Option<ReasonCode> {
        let mut guard = FloodGuard::new(FloodGuardConfig::default());
        events.into_iter().for_each(|code| guard.observe(code));
        guard.flooding()
    }

    #[test]
    fn more_than_half_of_a_thousand_with_one_code_trips_it() {
        let half = || (0..1000).map(|i| (i % 2 == 0).then_some(BAD));
        assert_eq!(after(half()), None);
        assert_eq!(after(half().chain([Some(BAD), Some(BAD)])), Some(BAD));
    }

    #[test]
    fn fewer_than_a_window_never_trip_it() {
        assert_eq!(after((0..999).map(|_| Some(BAD))), None);
    }

    #[test]
    fn different_codes_are_bad_events_and_no_flood() {
        let codes = [
            ReasonCode::new("a"),
            ReasonCode::new("b"),
            ReasonCode::new("c"),
        ];
        assert_eq!(after((0..1000).map(|i| codes.get(i % 3).copied())), None);
    }

    #[test]
    fn good_events_afterwards_clear_it() {
        let flood = (0..1000).map(|_| Some(BAD));
        assert_eq!(after(flood.chain((0..500).map(|_| None))), None);
    }
}
