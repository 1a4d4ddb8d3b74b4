//! `/dlq…`: the dead-letter workbench over HTTP.
//!
//! Errors and bodies of dead letters are what events were made of, so that reading needs what
//! changing needs: the token, or the same host. Looking goes one after the other, changes one
//! at a time; both end by themselves when the client goes.

mod ask;
mod change;
mod look;

pub(super) use change::{purge, replay, state};
pub(super) use look::{first, groups, list, show};

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use tokio::sync::Semaphore;

use super::rabbitmq::away;
use crate::operate::HttpProblem;
use crate::operate::dlq::{DlqError, Workbench};
use change::Run;

/// What the calls share.
pub(super) struct Dlq {
    pub(super) bench: Workbench,
    redact: Vec<String>,
    looking: Arc<Semaphore>,
    run: Arc<Mutex<Run>>,
}

impl Dlq {
    pub(super) fn new(bench: Workbench, redact: Vec<String>) -> Self {
        Self {
            bench,
            redact,
            looking: Arc::new(Semaphore::new(1)),
            run: Arc::default(),
        }
    }

    /// Whether a look of this gateway holds some of them, or is giving them back.
    pub(super) fn is_looked_into(&self) -> bool {
        self.looking.available_permits() == 0
    }
}

fn problem(error: DlqError) -> HttpProblem {
    let status = match &error {
        DlqError::Broker(error) => return away(error),
        DlqError::Missing(_) | DlqError::NotFound(_) => StatusCode::NOT_FOUND,
        DlqError::NothingSelected | DlqError::NoSuchQueue(_) => StatusCode::BAD_REQUEST,
        DlqError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        DlqError::Publish(_) => StatusCode::SERVICE_UNAVAILABLE,
        DlqError::Audit(_) | DlqError::Output(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    HttpProblem::new(status, error.to_string())
}
