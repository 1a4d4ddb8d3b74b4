//! What an autoscaler asks: how much there is to do, and how long it takes at this pace.

use serde::Serialize;

use super::status::QueueStatus;

/// The work of a queue. `null` = not known without the management API.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scaling {
    /// Key of the queue in the configuration.
    pub queue: String,
    /// All that workers have to do: ready, unacknowledged and in retry stages.
    pub messages: u64,
    /// Messages ready for delivery.
    pub ready: u64,
    /// Messages delivered and not acknowledged.
    pub unacknowledged: Option<u64>,
    /// Messages in retry stages.
    pub retry: u64,
    /// Consumers attached.
    pub consumers: u32,
    /// Messages acknowledged per second.
    pub rate: Option<f64>,
    /// Seconds until all of it is done at this pace, if nothing new came: 0 when there is
    /// nothing to do, null when nothing moves.
    pub drain_seconds: Option<f64>,
    /// Whether an operator has paused it: more workers would not help.
    pub paused: bool,
}

impl Scaling {
    /// Out of what is known of a queue; `None` where it does not exist at the broker.
    pub fn of(status: &QueueStatus) -> Option<Self> {
        let ready = status.messages_ready?;
        let retry = status.retrying().unwrap_or_default();
        let unacknowledged = status.messages_unacknowledged;
        let messages = ready
            .saturating_add(unacknowledged.unwrap_or_default())
            .saturating_add(retry);
        let rate = status.rates.and_then(|rates| rates.acknowledge);
        Some(Self {
            queue: status.queue.clone(),
            messages,
            ready,
            unacknowledged,
            retry,
            consumers: status.consumers.unwrap_or_default(),
            rate,
            drain_seconds: drain(messages, rate),
            paused: status.paused.unwrap_or_default(),
        })
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a forecast; queues are far shorter than 2^52"
)]
fn drain(messages: u64, rate: Option<f64>) -> Option<f64> {
    match (messages, rate) {
        (0, _) => Some(0.0),
        (_, Some(rate)) if rate > 0.0 => Some(messages as f64 / rate),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forecast_is_the_work_over_the_pace() {
        assert_eq!(drain(900, Some(300.0)), Some(3.0));
        assert_eq!(drain(0, None), Some(0.0));
        assert_eq!(drain(900, Some(0.0)), None);
        assert_eq!(drain(900, None), None);
    }
}
