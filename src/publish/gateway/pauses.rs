//! Pausing and resuming the consumption of a queue over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Gateway;
use super::rabbitmq::{asked, main, missing};
use super::rights::Changer;
use crate::broker::PublishError;
use crate::operate::HttpProblem;
use crate::operate::queues::{self, Pause};
use crate::telemetry;

/// Letters of a reason: it is for people.
const LONGEST_REASON: usize = 1_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    reason: Option<String>,
}

impl Wish {
    fn read(body: &[u8]) -> Result<Self, HttpProblem> {
        let bad = |detail: String| HttpProblem::new(StatusCode::BAD_REQUEST, detail);
        if body.is_empty() {
            return Ok(Self::default());
        }
        let wish: Self = serde_json::from_slice(body)
            .map_err(|error| bad(format!("the body may be {{\"reason\":\"…\"}}: {error}")))?;
        match &wish.reason {
            Some(reason) if reason.len() > LONGEST_REASON => {
                Err(bad(format!("a reason has {LONGEST_REASON} bytes at most")))
            }
            _ => Ok(wish),
        }
    }
}

pub(super) async fn pause(
    changer: Changer,
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, HttpProblem> {
    let (_, queue) = main(&gateway, &name)?;
    let pause = Pause::now(changer.who(), Wish::read(&body)?.reason);
    let within = gateway.config.gateway.accept_timeout;
    let paused = timeout(within, queues::pause(&*gateway.broker, &queue.name, &pause)).await;
    match paused.unwrap_or(Err(PublishError::TimedOut(within))) {
        Ok(()) => {}
        Err(PublishError::Unroutable { routing_key, .. }) => return Err(missing(&routing_key)),
        Err(error) => {
            let problem = HttpProblem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
            return Err(problem.with("code", error.code()));
        }
    }
    telemetry::log::queue_paused(&queue.name, &pause.by);
    Ok(Json(
        json!({ "paused": true, "by": pause.by, "at": pause.at, "reason": pause.reason }),
    ))
}

pub(super) async fn resume(
    changer: Changer,
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, HttpProblem> {
    let (_, queue) = main(&gateway, &name)?;
    let resumed = asked(&gateway, queues::resume(&*gateway.broker, &queue.name)).await?;
    let was_paused = resumed.ok_or_else(|| missing(&queue.name))?;
    telemetry::log::queue_resumed(&queue.name, changer.addr());
    Ok(Json(json!({ "paused": false, "was_paused": was_paused })))
}
