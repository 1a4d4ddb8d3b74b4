//! What became of the events of a request.

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::access::Events;
use super::super::wait::Waited;
use crate::operate::HttpProblem;
use crate::publish::Accepted;
use crate::telemetry;

/// An event that is safe.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) id: String,
    pub(super) accepted: Accepted,
}

/// An event that is not known to be safe.
#[derive(Debug)]
pub(super) struct Rejected {
    /// Its place among the events of the request, from 0.
    index: usize,
    /// Its id, where the outcome may be that it arrives all the same.
    id: Option<String>,
    // boxed: with it an answer for one event would be mostly room for a problem
    problem: Box<HttpProblem>,
}

impl Rejected {
    pub(super) fn new(index: usize, problem: HttpProblem) -> Self {
        Self {
            index,
            id: None,
            problem: Box::new(problem),
        }
    }

    pub(super) fn with_id(self, id: String) -> Self {
        Self {
            id: Some(id),
            ..self
        }
    }

    fn into_value(self) -> Value {
        let mut value = json!({ "index": self.index, "problem": self.problem.into_value() });
        if let (Some(id), Some(members)) = (self.id, value.as_object_mut()) {
            members.insert("id".to_owned(), id.into());
        }
        value
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    ids: Vec<String>,
    spooled: usize,
    rejected: Vec<Rejected>,
}

impl Tally {
    pub(super) fn count(&mut self, verdict: Result<Taken, Rejected>) {
        match verdict {
            Ok(taken) => {
                self.spooled += usize::from(taken.accepted == Accepted::Spooled);
                self.ids.push(taken.id);
            }
            Err(rejected) => self.rejected.push(rejected),
        }
    }

    /// The ids of what is safe.
    pub(super) fn ids(&self) -> &[String] {
        &self.ids
    }

    /// How many are safe, and how many are not known to be.
    pub(super) fn events(&self) -> Events {
        Events {
            accepted: self.ids.len(),
            rejected: self.rejected.len(),
        }
    }

    /// The status where nothing was taken: what all have in common, else whether it is worth
    /// another try.
    fn refusal(&self) -> HttpProblem {
        let statuses = self.rejected.iter().map(|one| one.problem.status());
        let waits = self
            .rejected
            .iter()
            .filter_map(|one| one.problem.worth_retrying());
        let (first, wait) = (self.rejected.first(), waits.max());
        let common = statuses
            .clone()
            .next()
            .filter(|one| statuses.clone().all(|s| s == *one));
        let status = match (common, wait) {
            (Some(status), _) => status,
            (None, Some(_)) => StatusCode::SERVICE_UNAVAILABLE,
            (None, None) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let problem = match (first, self.rejected.len()) {
            (Some(only), 1) => HttpProblem::clone(&only.problem),
            (Some(_), count) => {
                let detail = format!("none of the {count} events was taken");
                HttpProblem::new(status, detail)
            }
            (None, _) => HttpProblem::new(status, "the body holds no event"),
        };
        match wait {
            Some(wait) => problem.retry_after(wait),
            None => problem,
        }
    }
}

impl Tally {
    /// The answer; with how the wait ended where there was one.
    pub(super) fn answer(self, waited: Option<Waited>) -> Response {
        let events = self.events();
        telemetry::events_posted("confirmed", "", events.accepted - self.spooled);
        telemetry::events_posted("spooled", "", self.spooled);
        for one in &self.rejected {
            telemetry::events_posted("rejected", one.problem.code(), 1);
        }
        let refusal = self.ids.is_empty().then(|| self.refusal());
        let rejected = self.rejected.into_iter().map(Rejected::into_value);
        let rejected: Vec<_> = rejected.collect();
        let mut response = match refusal {
            Some(problem) => problem
                .with("accepted", 0)
                .with("ids", json!([]))
                .with("rejected", rejected)
                .into_response(),
            None => taken(
                json!({
                    "accepted": self.ids.len(),
                    "spooled": self.spooled,
                    "ids": self.ids,
                    "rejected": rejected,
                }),
                waited,
            ),
        };
        response.extensions_mut().insert(events);
        response
    }
}

/// 202, or 200 where all of it is known to be applied.
fn taken(mut answer: Value, waited: Option<Waited>) -> Response {
    let Some(waited) = waited else {
        return (StatusCode::ACCEPTED, Json(answer)).into_response();
    };
    if let Some(members) = answer.as_object_mut() {
        members.insert("applied".to_owned(), waited.applied.into());
        members.insert("pending".to_owned(), waited.pending);
    }
    let status = match waited.applied {
        true => StatusCode::OK,
        false => StatusCode::ACCEPTED,
    };
    let mut response = (status, Json(answer)).into_response();
    let granted = waited.granted.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(granted)) = granted {
        response.headers_mut().insert("preference-applied", granted);
    }
    response
}
