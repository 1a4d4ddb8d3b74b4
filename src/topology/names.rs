//! Every name made for the broker, in one place.

use std::time::Duration;

/// Retry queue of `queue` for this delay: `{queue}.retry.{delay}`.
pub fn retry(queue: &str, delay: Duration) -> String {
    format!("{queue}.retry.{}", delay_label(delay))
}

/// Queue of the crash suspects of `queue`.
pub fn suspect(queue: &str) -> String {
    format!("{queue}.suspect")
}

/// Queue whose one message says that the consumption of `queue` is paused.
pub fn pause(queue: &str) -> String {
    format!("{queue}.pause")
}

/// A delay as a name part: `5s`, `30s`, `5m`, `250ms`, `1h`; the largest unit that divides it.
pub fn delay_label(delay: Duration) -> String {
    let millis = delay.as_millis();
    [(3_600_000, "h"), (60_000, "m"), (1_000, "s")]
        .into_iter()
        .find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit))
        .map_or_else(
            || {
                if millis == 0 {
                    "0s".to_owned()
                } else {
                    format!("{millis}ms")
                }
            },
            |(unit, label)| format!("{}{label}", millis / unit),
        )
}

/// Names of our own message headers.
pub mod headers {
    /// Which attempt this delivery is; the first is 1.
    pub const ATTEMPT: &str = "fanout-attempt";
    /// When the event failed first, RFC 3339.
    pub const FIRST_FAILED_AT: &str = "fanout-first-failed-at";
    /// Stable reason code of the last failure.
    pub const REASON: &str = "fanout-reason";
    /// Error text of the last failure.
    pub const ERROR: &str = "fanout-error";
    /// The queue the event failed in; a replay goes back there.
    pub const ORIGIN_QUEUE: &str = "fanout-origin-queue";
    /// Earlier failures, a JSON array, newest last.
    pub const HISTORY: &str = "fanout-history";
    /// Run of the replay that last brought it out of the dead-letter queue.
    pub const REPLAY: &str = "fanout-replay";
    /// Length of the chain of follow-ups up to here.
    pub const HOPS: &str = "fanout-hops";
    /// Exchange the event was first published to.
    pub const EXCHANGE: &str = "fanout-exchange";
    /// Routing key the event was first published with; kinds may come from it.
    pub const ROUTING_KEY: &str = "fanout-routing-key";
    /// How many foreign headers did not fit into a republished message.
    pub const HEADERS_DROPPED: &str = "fanout-headers-dropped";
    /// W3C trace context.
    pub const TRACEPARENT: &str = "traceparent";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_plan_has_the_documented_names() {
        let names: Vec<_> = [5, 30, 300]
            .map(|s| retry("events.neo4j", Duration::from_secs(s)))
            .into_iter()
            .collect();
        assert_eq!(
            names,
            [
                "events.neo4j.retry.5s",
                "events.neo4j.retry.30s",
                "events.neo4j.retry.5m"
            ]
        );
    }

    #[test]
    fn a_delay_is_named_by_its_largest_whole_unit() {
        let label = |ms| delay_label(Duration::from_millis(ms));
        assert_eq!(
            [
                label(0),
                label(250),
                label(1500),
                label(90_000),
                label(7_200_000)
            ],
            ["0s", "250ms", "1500ms", "90s", "2h"]
        );
    }
}
