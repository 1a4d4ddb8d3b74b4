//! `/rabbitmq/…`: the broker's connection and its queues, and emptying one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Gateway;
use super::rights::Changer;
use crate::broker::{BrokerError, ConnectionState};
use crate::config::QueueConfig;
use crate::operate::HttpProblem;
use crate::operate::queues::{QueueStatus, Scaling, SideQueue, Statistics, resolve};
use crate::telemetry;

/// What the health of the broker may take: a probe gives up after a few seconds.
const HEALTH_WITHIN: Duration = Duration::from_secs(2);
/// A broker that is away is tried again within this time.
const ASK_AGAIN: Duration = Duration::from_secs(2);

pub(super) async fn health(State(gateway): State<Arc<Gateway>>) -> Response {
    let status = gateway.broker_status();
    let connected = status.state == ConnectionState::Connected;
    let answer = json!({
        "status": status.state.as_str(),
        "connected": connected,
        "pending_events": gateway.intake.backlog().messages,
        "url": status.url,
        "error": status.last_error,
        "queues": depths(&gateway, connected).await,
    });
    Json(answer).into_response()
}

/// Ready messages and consumers of the main queues; null where they cannot be had now.
async fn depths(gateway: &Gateway, connected: bool) -> BTreeMap<String, Value> {
    let names = gateway.config.queues.values().map(|queue| &queue.name);
    let asked = names.map(|name| async move {
        let depth = match connected {
            true => timeout(HEALTH_WITHIN, gateway.broker.depth(name))
                .await
                .ok(),
            false => None,
        };
        let depth = depth.and_then(Result::ok).flatten();
        let figures =
            depth.map(|depth| json!({"messages_ready": depth.ready, "consumers": depth.consumers}));
        (name.clone(), figures.unwrap_or(Value::Null))
    });
    join_all(asked).await.into_iter().collect()
}

pub(super) async fn queue(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
) -> Result<Response, HttpProblem> {
    let name = ours(&gateway, &name)?;
    let figures = asked(&gateway, figures(&gateway, &name)).await?;
    figures.ok_or_else(|| missing(&name))
}

/// All configured queues.
pub(super) async fn queues(
    State(gateway): State<Arc<Gateway>>,
) -> Result<Json<Vec<QueueStatus>>, HttpProblem> {
    let asking = async {
        let statistics = statistics(&gateway).await;
        QueueStatus::ask_all(&*gateway.broker, &statistics, &gateway.config).await
    };
    asked(&gateway, asking).await.map(Json)
}

async fn statistics(gateway: &Gateway) -> Statistics {
    let asked = Statistics::ask(&gateway.config).await;
    asked.unwrap_or_else(|problem| {
        tracing::debug!(problem, "no figures from the management API");
        Statistics::default()
    })
}

/// What an autoscaler asks about a configured queue.
pub(super) async fn scaling(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
) -> Result<Json<Scaling>, HttpProblem> {
    let (key, queue) = main(&gateway, &name)?;
    let asking = async {
        let statistics = statistics(&gateway).await;
        QueueStatus::ask(&*gateway.broker, &statistics, key, queue).await
    };
    let status = asked(&gateway, asking).await?;
    Scaling::of(&status)
        .map(Json)
        .ok_or_else(|| missing(&queue.name))
}

/// A configured queue by its key or its name at the broker; nothing beside it.
pub(super) fn main<'a>(
    gateway: &'a Gateway,
    name: &str,
) -> Result<(&'a str, &'a QueueConfig), HttpProblem> {
    let mut queues = gateway.config.queues.iter();
    queues
        .find(|(key, queue)| *key == name || queue.name == name)
        .map(|(key, queue)| (key.as_str(), queue))
        .ok_or_else(|| {
            let detail = "no configured queue has this key or name";
            HttpProblem::new(StatusCode::NOT_FOUND, detail)
        })
}

/// `None` where the queue does not exist at the broker.
async fn figures(gateway: &Gateway, name: &str) -> Result<Option<Response>, BrokerError> {
    let (config, broker) = (&gateway.config, &*gateway.broker);
    let statistics = statistics(gateway).await;
    if let Some((key, queue)) = config.queues.iter().find(|(_, queue)| queue.name == name) {
        let status = QueueStatus::ask(broker, &statistics, key, queue).await?;
        return Ok(status
            .messages_ready
            .is_some()
            .then(|| Json(status).into_response()));
    }
    let side = SideQueue::ask(broker, &statistics, config, name).await?;
    Ok(side
        .messages_ready
        .is_some()
        .then(|| Json(side).into_response()))
}

pub(super) async fn purge(
    changer: Changer,
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, HttpProblem> {
    let name = ours(&gateway, &name)?;
    let purged = asked(&gateway, gateway.broker.purge(&name)).await?;
    let purged = purged.ok_or_else(|| missing(&name))?;
    telemetry::log::queue_purged(&name, purged, changer.addr());
    Ok(Json(json!({ "purged": purged })))
}

fn ours(gateway: &Gateway, name: &str) -> Result<String, HttpProblem> {
    resolve(&gateway.config, name).ok_or_else(|| {
        HttpProblem::new(
            StatusCode::NOT_FOUND,
            "no queue of this topology has this name",
        )
    })
}

/// What the broker answers within the deadline of a request.
pub(super) async fn asked<T>(
    gateway: &Gateway,
    question: impl Future<Output = Result<T, BrokerError>>,
) -> Result<T, HttpProblem> {
    let within = gateway.config.gateway.accept_timeout;
    let answer = timeout(within, question).await;
    answer
        .unwrap_or(Err(BrokerError::TimedOut(within)))
        .map_err(|error| away(&error))
}

pub(super) fn missing(name: &str) -> HttpProblem {
    let detail = format!("the queue {name} does not exist at the broker yet");
    HttpProblem::new(StatusCode::NOT_FOUND, detail)
}

pub(super) fn away(error: &BrokerError) -> HttpProblem {
    let problem = HttpProblem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
        .with("code", error.code());
    match error.is_temporary() {
        true => problem.retry_after(ASK_AGAIN),
        false => problem,
    }
}
