//! RabbitMQ's management API: address, credentials, deadline. Blocks: call it on a thread.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;
use url::Url;

use crate::config::Config;

/// Deadline of one call. The figures are an extra: nobody shall wait long for them.
const DEADLINE: Duration = Duration::from_secs(5);
/// Above the description of tens of thousands of queues.
const LARGEST_ANSWER: u64 = 64 << 20;

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// No answer at all.
    #[error("{0}")]
    Absent(String),
    /// An HTTP status that is no success.
    #[error("the management API answers {0}")]
    Refused(u16),
    /// No JSON.
    #[error("the answer of the management API cannot be read: {0}")]
    Unreadable(String),
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) body: Value,
    /// The header `date`.
    pub(crate) date: Option<String>,
}

/// The API of the configured broker, as the user that may use it.
pub(crate) struct Api {
    agent: ureq::Agent,
    /// Up to and with `/api`.
    base: String,
    authorization: String,
    vhost: String,
}

impl Api {
    /// `None` where none is configured.
    pub(crate) fn from_config(config: &Config) -> Option<Result<Self, String>> {
        let url = config.broker.management_url.as_ref()?;
        let amqp = config.broker.urls.first();
        Some(Self::new(url.expose(), amqp.map(|url| url.expose())))
    }

    /// Address and credentials: those of the management URL, else those for AMQP.
    pub(crate) fn new(management: &str, amqp: Option<&str>) -> Result<Self, String> {
        let mut url = Url::parse(management).map_err(|error| error.to_string())?;
        let amqp = amqp.and_then(|url| Url::parse(url).ok());
        let holder = if url.username().is_empty() {
            amqp.as_ref()
        } else {
            Some(&url)
        };
        let part = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let password = |url: &Url| part(url.password().unwrap_or_default());
        let (user, password) = holder
            .map(|url| (part(url.username()), password(url)))
            .unwrap_or_default();
        let authorization = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let vhost = amqp.map_or_else(String::new, |url| {
            url.path().trim_start_matches('/').to_owned()
        });
        let vhost = match vhost.as_str() {
            "" => "%2F".to_owned(),
            vhost => vhost.replace('/', "%2F"),
        };
        let path = url.path().trim_end_matches('/').trim_end_matches("/api");
        let path = format!("{path}/api");
        // An http URL always takes them.
        let _ = (url.set_username(""), url.set_password(None));
        url.set_path(&path);
        url.set_query(None);
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(DEADLINE))
            .max_redirects(0)
            .proxy(None)
            .build()
            .into();
        Ok(Self {
            agent,
            base: url.to_string(),
            authorization,
            vhost,
        })
    }

    /// The vhost as it stands in a path.
    pub(crate) fn vhost(&self) -> &str {
        &self.vhost
    }

    /// Asks `path`, which begins behind `/api` with a slash.
    pub(crate) fn get(&self, path: &str) -> Result<Answer, ApiError> {
        let call = self.agent.get(format!("{}{path}", self.base));
        answered(call.header("authorization", &self.authorization).call())
    }

    /// Posts JSON to `path`.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Answer, ApiError> {
        let call = self.agent.post(format!("{}{path}", self.base));
        let call = call
            .header("authorization", &self.authorization)
            .header("content-type", "application/json");
        answered(call.send(body.to_string()))
    }
}

/// A name as a part of a path.
pub(crate) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

fn answered(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Answer, ApiError> {
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(ureq::Error::StatusCode(status)) => return Err(ApiError::Refused(status)),
        Err(error) => return Err(ApiError::Absent(error.to_string())),
    };
    let date = answer.headers().get("date");
    let date = date.and_then(|date| Some(date.to_str().ok()?.to_owned()));
    let body = answer
        .body_mut()
        .with_config()
        .limit(LARGEST_ANSWER)
        .reader();
    let body = serde_json::from_reader(body);
    let body = body.map_err(|error| ApiError::Unreadable(error.to_string()))?;
    Ok(Answer { body, date })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(management: &str, amqp: &str) -> (String, String) {
        let api = Api::new(management, Some(amqp)).unwrap();
        let encoded = api.authorization.strip_prefix("Basic ").unwrap();
        let credentials = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
        (format!("{}/queues/{}", api.base, api.vhost), credentials)
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
}
