//! `POST /dlq/replay`, `POST /dlq/purge`, and how far the last of them is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::super::Gateway;
use super::super::rights::{Changer, Reader};
use super::ask::Ask;
use super::problem;
use crate::operate::HttpProblem;
use crate::operate::dlq::{DlqError, Progress, ReplayReport};

/// Far above any list of ids that a person selects.
const LARGEST_BODY: usize = 1 << 20;
/// An answer comes by then; a longer run goes on, and `GET /dlq/replay` tells how far it is.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// The change under way, or the last one.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Run {
    running: bool,
    action: &'static str,
    looked_at: u64,
    ready: u64,
    done: u64,
    report: Option<ReplayReport>,
    error: Option<String>,
}

/// Ends the run however its task ends.
struct Running(Arc<Mutex<Run>>);

impl Running {
    fn lock(&self) -> MutexGuard<'_, Run> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` where another one is under way.
    fn begin(run: &Arc<Mutex<Run>>, action: &'static str) -> Option<Self> {
        let mut now = run.lock().unwrap_or_else(PoisonError::into_inner);
        if now.running {
            return None;
        }
        *now = Run {
            running: true,
            action,
            ..Run::default()
        };
        Some(Self(Arc::clone(run)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.lock().running = false;
    }
}

impl Progress for &Running {
    fn at(&mut self, looked_at: u64, ready: u64, done: u64) {
        let mut run = self.lock();
        (run.looked_at, run.ready, run.done) = (looked_at, ready, done);
    }
}

pub(in super::super) async fn replay(
    changer: Changer,
    State(gateway): State<Arc<Gateway>>,
    body: Body,
) -> Result<Response, HttpProblem> {
    change(&gateway, "replay", &changer, body).await
}

pub(in super::super) async fn purge(
    changer: Changer,
    State(gateway): State<Arc<Gateway>>,
    body: Body,
) -> Result<Response, HttpProblem> {
    change(&gateway, "purge", &changer, body).await
}

pub(in super::super) async fn state(_: Reader, State(gateway): State<Arc<Gateway>>) -> Json<Value> {
    let run = gateway
        .dlq
        .run
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    Json(json!(*run))
}

async fn change(
    gateway: &Gateway,
    action: &'static str,
    changer: &Changer,
    body: Body,
) -> Result<Response, HttpProblem> {
    let body = timeout(
        gateway.config.gateway.body_timeout,
        to_bytes(body, LARGEST_BODY),
    )
    .await;
    let Ok(Ok(body)) = body else {
        let detail = "the body did not arrive, or is larger than 1 MiB";
        return Err(HttpProblem::new(StatusCode::BAD_REQUEST, detail));
    };
    let mut plan = Ask::read(&body)?.plan();
    let bench = gateway.dlq.bench.by(&changer.who());
    plan.filter = bench.resolved(plan.filter);
    plan.to = plan.to.map(|to| bench.queue_name(&to));
    let Some(running) = Running::begin(&gateway.dlq.run, action) else {
        let detail = "a replay or purge is under way; GET /dlq/replay tells how far it is";
        return Err(HttpProblem::new(StatusCode::CONFLICT, detail));
    };
    let stop = gateway.draining.child_token();
    let task = tokio::spawn(async move {
        let mut progress = &running;
        let done = match action {
            "purge" => bench.purge(&plan, &stop, &mut progress).await,
            _ => bench.replay(&plan, &stop, &mut progress).await,
        };
        let mut run = running.lock();
        match &done {
            Ok(report) => run.report = Some(report.clone()),
            Err(error) => run.error = Some(error.to_string()),
        }
        drop(run);
        done
    });
    answer(timeout(ANSWER_WITHIN, task).await)
}

type Ended = Result<Result<ReplayReport, DlqError>, tokio::task::JoinError>;

fn answer(ended: Result<Ended, tokio::time::error::Elapsed>) -> Result<Response, HttpProblem> {
    match ended {
        Ok(Ok(report)) => Ok(Json(json!(report.map_err(problem)?)).into_response()),
        Ok(Err(error)) => {
            let detail = format!("it ended early: {error}");
            Err(HttpProblem::new(StatusCode::INTERNAL_SERVER_ERROR, detail))
        }
        Err(_) => {
            let body = json!({ "running": true, "see": "/dlq/replay" });
            Ok((StatusCode::ACCEPTED, Json(body)).into_response())
        }
    }
}
