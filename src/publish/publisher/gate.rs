//! Whether anything may go to the broker now: pure state, the clock comes in as an argument.
//!
//! Three things close the gate: no connection, a broker that has blocked us (memory or disk
//! alarm), and a message that was not taken: then with growing waits, after each of which
//! one message tries. That is the circuit breaker: an absent broker costs a caller nothing.

use std::time::Duration;

use tokio::time::Instant;

use crate::broker::{BrokerStatus, ConnectionState};

/// Waits after a message was not taken: the first, and the longest. A queue that is full
/// empties in seconds or minutes; a connection that was just lost is seen elsewhere.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Whether messages go to the broker, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// They do.
    Ready,
    /// There is no connection.
    Away,
    /// The broker takes no messages from anybody (memory or disk alarm).
    Blocked,
    /// The broker has not taken a message; one at a time is tried, with growing waits.
    Refusing,
}

impl LinkState {
    /// Stable lower-case name for health and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Away => "away",
            Self::Blocked => "blocked",
            Self::Refusing => "refusing",
        }
    }
}

#[derive(Debug)]
pub(super) struct Gate {
    link: LinkState,
    /// In a row.
    failures: u32,
    /// No message goes before.
    until: Option<Instant>,
}

impl Gate {
    pub(super) fn new(status: &BrokerStatus) -> Self {
        Self {
            link: link(status),
            failures: 0,
            until: None,
        }
    }

    /// The connection has changed. `true` where nothing can go any more and could before:
    /// whatever is on its way has an unknown outcome.
    pub(super) fn observe(&mut self, status: &BrokerStatus) -> bool {
        let before = std::mem::replace(&mut self.link, link(status));
        if self.link == LinkState::Ready && before != LinkState::Ready {
            // Another connection, another chance.
            self.until = None;
        }
        before == LinkState::Ready && self.link != LinkState::Ready
    }

    /// A message was confirmed.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.until = None;
    }

    /// A message was not taken and may be taken later. Those under way with it do not count.
    pub(super) fn failed(&mut self, now: Instant) {
        if self.until.is_none_or(|until| until <= now) {
            self.failures = self.failures.saturating_add(1);
            self.until = Some(now + self.wait());
        }
    }

    fn wait(&self) -> Duration {
        let doubled = FIRST_WAIT.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        doubled.min(LONGEST_WAIT)
    }

    /// How many messages may be on their way at once: one where the last was not taken.
    pub(super) fn window(&self, window: usize, now: Instant) -> usize {
        match self.state() {
            LinkState::Ready => window,
            LinkState::Refusing if self.until.is_none_or(|until| until <= now) => 1,
            _ => 0,
        }
    }

    pub(super) fn state(&self) -> LinkState {
        match self.link {
            LinkState::Ready if self.failures > 0 => LinkState::Refusing,
            link => link,
        }
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// When the next message may try, where that is a matter of time.
    pub(super) fn opens_at(&self) -> Option<Instant> {
        self.until.filter(|_| self.link == LinkState::Ready)
    }
}

fn link(status: &BrokerStatus) -> LinkState {
    match status.state {
        ConnectionState::Connected if status.blocked.is_some() => LinkState::Blocked,
        ConnectionState::Connected => LinkState::Ready,
        _ => LinkState::Away,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: ConnectionState, blocked: bool) -> BrokerStatus {
        BrokerStatus {
            state,
            url: String::new(),
            epoch: 1,
            failed_attempts: 0,
            last_error: None,
            blocked: blocked.then(|| "low on memory".to_owned()),
            fatal: None,
        }
    }

    fn ready() -> Gate {
        Gate::new(&status(ConnectionState::Connected, false))
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_connection_or_under_an_alarm_nothing_goes() {
        let now = Instant::now();
        for (state, blocked, link) in [
            (ConnectionState::Disconnected, false, LinkState::Away),
            (ConnectionState::Failed, false, LinkState::Away),
            (ConnectionState::Connected, true, LinkState::Blocked),
        ] {
            let mut gate = ready();
            assert_eq!(gate.window(500, now), 500);
            assert!(gate.observe(&status(state, blocked)));
            assert_eq!((gate.state(), gate.window(500, now)), (link, 0));
            assert!(!gate.observe(&status(ConnectionState::Connected, false)));
            assert_eq!(gate.window(500, now), 500);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_one_message_tries_after_waits_that_double_up_to_the_longest() {
        let mut gate = ready();
        let mut waits = Vec::new();
        for _ in 0..10 {
            let now = Instant::now();
            gate.failed(now);
            // Those that were on their way with it.
            gate.failed(now);
            assert_eq!(gate.window(500, now), 0);
            let until = gate.opens_at().unwrap();
            waits.push((until - now).as_millis());
            tokio::time::advance(until - now).await;
            assert_eq!(gate.window(500, Instant::now()), 1);
        }
        let expected = [
            200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000,
        ];
        assert_eq!(waits, expected);
        gate.succeeded();
        assert_eq!((gate.state(), gate.failures()), (LinkState::Ready, 0));
        assert_eq!(gate.window(500, Instant::now()), 500);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_is_tried_at_once_and_with_one_message_where_the_last_was_refused() {
        let mut gate = ready();
        gate.failed(Instant::now());
        gate.observe(&status(ConnectionState::Disconnected, false));
        assert_eq!(gate.opens_at(), None);
        gate.observe(&status(ConnectionState::Connected, false));
        assert_eq!(gate.window(500, Instant::now()), 1);
    }
}
