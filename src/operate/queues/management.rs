//! What only RabbitMQ's management API knows: unacknowledged messages and rates.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::config::Config;
use crate::operate::management::Api;

/// Messages per second, as the broker averages them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// Published to the queue.
    pub publish: Option<f64>,
    /// Delivered to consumers.
    pub deliver: Option<f64>,
    /// Acknowledged by consumers.
    pub acknowledge: Option<f64>,
}

/// The figures of a queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueStatistics {
    /// Ready and unacknowledged messages.
    pub messages: u64,
    /// Messages delivered and not acknowledged.
    pub messages_unacknowledged: u64,
    /// Messages per second.
    pub rates: Rates,
}

/// The figures of all queues of the vhost; empty where the API is not configured.
#[derive(Debug, Default)]
pub struct Statistics(BTreeMap<String, QueueStatistics>);

impl Statistics {
    /// The figures of a queue, where they are known.
    pub fn of(&self, queue: &str) -> Option<&QueueStatistics> {
        self.0.get(queue)
    }

    /// Asks the API where one is configured; it has 5 s to answer.
    ///
    /// # Errors
    /// Why there are no figures, for people. It costs nothing else.
    pub async fn ask(config: &Config) -> Result<Self, String> {
        let Some(api) = Api::from_config(config) else {
            return Ok(Self::default());
        };
        let api = api?;
        let answer = tokio::task::spawn_blocking(move || fetch(&api)).await;
        let queues = answer.map_err(|error| error.to_string()).flatten()?;
        Ok(Self(queues.into_iter().map(Listed::figures).collect()))
    }
}

#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
    #[serde(default)]
    messages: u64,
    #[serde(default)]
    messages_unacknowledged: u64,
    #[serde(default)]
    message_stats: MessageStats,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MessageStats {
    publish_details: Option<Rate>,
    deliver_get_details: Option<Rate>,
    ack_details: Option<Rate>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Rate {
    rate: f64,
}

impl Listed {
    fn figures(self) -> (String, QueueStatistics) {
        let rate = |details: Option<Rate>| details.map(|details| details.rate);
        let stats = self.message_stats;
        let figures = QueueStatistics {
            messages: self.messages,
            messages_unacknowledged: self.messages_unacknowledged,
            rates: Rates {
                publish: rate(stats.publish_details),
                deliver: rate(stats.deliver_get_details),
                acknowledge: rate(stats.ack_details),
            },
        };
        (self.name, figures)
    }
}

fn fetch(api: &Api) -> Result<Vec<Listed>, String> {
    let path = format!(
        "/queues/{}?disable_stats=false&columns=name,messages,messages_unacknowledged,message_stats",
        api.vhost()
    );
    let answer = api.get(&path).map_err(|error| error.to_string())?;
    serde_json::from_value(answer.body).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_without_traffic_has_no_rates() {
        let listed: Vec<Listed> =
            serde_json::from_str(r#"[{"name":"q","messages":3,"messages_unacknowledged":1}]"#)
                .unwrap();
        let (name, figures) = listed.into_iter().next().unwrap().figures();
        assert_eq!((name.as_str(), figures.messages), ("q", 3));
        assert_eq!(figures.rates.publish, None);
    }
}
