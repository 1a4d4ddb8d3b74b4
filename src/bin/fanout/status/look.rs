//! One look at everything: the broker's queues, the workers' health.

use std::time::Duration;

use fanout::broker::{Broker, BrokerError};
use fanout::config::Config;
use fanout::operate::dlq::Groups;
use fanout::operate::queues::{QueueStatus, Scaling, Statistics};
use serde::Serialize;
use serde_json::Value;

/// A worker that does not answer is as good as away.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Far above any health.
const LARGEST_ANSWER: u64 = 1 << 20;

/// Everything at one moment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Seen {
    /// When.
    pub(crate) at: jiff::Timestamp,
    /// The broker, password masked.
    pub(crate) broker: String,
    pub(crate) queues: Vec<Queue>,
    pub(crate) workers: Vec<Worker>,
    /// Where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dead_letter_groups: Option<Groups>,
    /// What this look could not find out.
    pub(crate) notes: Vec<String>,
}

/// A queue and how long its work takes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Queue {
    #[serde(flatten)]
    pub(crate) status: QueueStatus,
    /// Seconds until all is done at this pace.
    pub(crate) drain_seconds: Option<f64>,
}

/// What a worker says of itself.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Worker {
    pub(crate) url: String,
    /// Its health as it stands in `GET /health`; `None` where nobody answers.
    pub(crate) health: Option<Value>,
}

impl Worker {
    /// A text inside its health.
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.health.as_ref()?.pointer(pointer)?.as_str()
    }

    /// A number inside its health.
    pub(crate) fn number(&self, pointer: &str) -> Option<u64> {
        self.health.as_ref()?.pointer(pointer)?.as_u64()
    }

    /// What it finds wrong.
    pub(crate) fn issues(&self) -> impl Iterator<Item = &str> {
        let issues = self.health.iter().filter_map(|h| h.get("issues"));
        let issues = issues.filter_map(Value::as_array).flatten();
        issues.filter_map(Value::as_str)
    }

    /// The state of the breaker of its destination.
    pub(crate) fn breaker(&self) -> Option<&str> {
        let all = self.health.as_ref()?.get("dependencies")?.as_object()?;
        all.values().find_map(|one| one.get("breaker")?.as_str())
    }
}

/// Looks once.
///
/// # Errors
/// The broker cannot be asked now.
pub(super) async fn look(
    config: &Config,
    broker: &dyn Broker,
    workers: &[String],
) -> Result<Seen, BrokerError> {
    let mut notes = Vec::new();
    let asked = workers.iter().map(|url| worker(url.clone()));
    let (statistics, workers) =
        tokio::join!(Statistics::ask(config), futures::future::join_all(asked));
    let statistics = statistics.unwrap_or_else(|problem| {
        notes.push(format!("no rates from the management API: {problem}"));
        Statistics::default()
    });
    let queues = QueueStatus::ask_all(broker, &statistics, config).await?;
    if queues.iter().any(|queue| queue.messages_ready.is_none()) {
        notes.push("some queues do not exist yet: fanout topology apply".to_owned());
    }
    let queue = |status: QueueStatus| Queue {
        drain_seconds: Scaling::of(&status).and_then(|work| work.drain_seconds),
        status,
    };
    Ok(Seen {
        at: jiff::Timestamp::now(),
        broker: broker.status().borrow().url.clone(),
        queues: queues.into_iter().map(queue).collect(),
        workers,
        dead_letter_groups: None,
        notes,
    })
}

async fn worker(url: String) -> Worker {
    let address = format!("{}/health", url.trim_end_matches('/'));
    let asked = tokio::task::spawn_blocking(move || health(&address)).await;
    Worker {
        url,
        health: asked.ok().flatten(),
    }
}

/// 503 carries a health, too.
fn health(address: &str) -> Option<Value> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(ANSWER_WITHIN))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build()
        .into();
    let mut answer = agent.get(address).call().ok()?;
    let body = answer.body_mut().with_config().limit(LARGEST_ANSWER);
    let health: Value = serde_json::from_slice(&body.read_to_vec().ok()?).ok()?;
    health.get("status").is_some().then_some(health)
}
