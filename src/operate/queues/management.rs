//! What only RabbitMQ's management API knows: unacknowledged messages and rates.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

use crate::config::Config;

/// Deadline of the one call. The figures are an extra: nobody shall wait long for them.
const DEADLINE: Duration = Duration::from_secs(5);

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
        let Some(url) = &config.broker.management_url else {
            return Ok(Self::default());
        };
        let amqp = config
            .broker
            .urls
            .first()
            .map(|url| url.expose().to_owned());
        let url = url.expose().to_owned();
        let answer = tokio::task::spawn_blocking(move || fetch(&url, amqp.as_deref())).await;
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

fn fetch(management: &str, amqp: Option<&str>) -> Result<Vec<Listed>, String> {
    let (address, authorization) = request(management, amqp)?;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(DEADLINE))
        .max_redirects(0)
        .proxy(None)
        .build()
        .into();
    let mut answer = agent
        .get(&address)
        .header("authorization", &authorization)
        .call()
        .map_err(|error| error.to_string())?;
    serde_json::from_reader(answer.body_mut().as_reader()).map_err(|error| error.to_string())
}

/// Address and credentials: those of the management URL, else those for AMQP.
fn request(management: &str, amqp: Option<&str>) -> Result<(String, String), String> {
    let mut url = Url::parse(management).map_err(|error| error.to_string())?;
    let amqp = amqp.and_then(|url| Url::parse(url).ok());
    let holder = if url.username().is_empty() {
        amqp.as_ref()
    } else {
        Some(&url)
    };
    let part = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = holder
        .map(|url| {
            (
                part(url.username()),
                part(url.password().unwrap_or_default()),
            )
        })
        .unwrap_or_default();
    let authorization = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let vhost = amqp
        .as_ref()
        .map_or("", |url| url.path().trim_start_matches('/'));
    let vhost = if vhost.is_empty() {
        "%2F".to_owned()
    } else {
        vhost.replace('/', "%2F")
    };
    let base = url
        .path()
        .trim_end_matches('/')
        .trim_end_matches("/api")
        .to_owned();
    // An http URL always takes them.
    let _ = (url.set_username(""), url.set_password(None));
    url.set_path(&format!("{base}/api/queues/{vhost}"));
    url.set_query(Some(
        "disable_stats=false&columns=name,messages,messages_unacknowledged,message_stats",
    ));
    Ok((url.to_string(), authorization))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(management: &str, amqp: &str) -> (String, String) {
        let (address, authorization) = request(management, Some(amqp)).unwrap();
        let encoded = authorization.strip_prefix("Basic ").unwrap().to_owned();
        let credentials = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
        let address = address.split('?').next().unwrap().to_owned();
        (address, credentials)
    }

    #[test]
    fn the_vhost_and_the_credentials_come_from_the_broker_url() {
        assert_eq!(
            ask("http://localhost:15672", "amqp://me:p%40ss@localhost/shop"),
            (
                "http://localhost:15672/api/queues/shop".to_owned(),
                "me:p@ss".to_owned()
            )
        );
        for url in [
            "amqp://u:p@localhost",
            "amqp://u:p@localhost/",
            "amqp://u:p@localhost/%2F",
        ] {
            let (address, _) = ask("http://localhost:15672/", url);
            assert_eq!(address, "http://localhost:15672/api/queues/%2F", "{url}");
        }
    }

    #[test]
    fn credentials_of_the_management_url_win_and_leave_the_address() {
        assert_eq!(
            ask(
                "https://ops:x@example.com/rabbit/api",
                "amqp://u:p@localhost/%2f"
            ),
            (
                "https://example.com/rabbit/api/queues/%2f".to_owned(),
                "ops:x".to_owned()
            )
        );
    }

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
