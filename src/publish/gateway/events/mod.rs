//! `POST /events`: one event, an array, lines, or CloudEvents.
//!
//! `terms` reads the headers, `body` and `lines` the body, `take` hands each event to the
//! intake, `answer` says what became of them; `super::wait` waits until they are applied where
//! that was asked for.

mod answer;
mod body;
mod lines;
mod take;
mod terms;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use tracing::Instrument;

use self::answer::Tally;
use self::body::Parts;
use self::terms::{Form, Terms};
use super::Gateway;
use super::wait::Wish;
use crate::operate::HttpProblem;
use crate::telemetry::spans;
use crate::topology::names::headers as names;

/// Busy for a moment: as long as a window of confirms may take.
const TRY_AGAIN: Duration = Duration::from_secs(1);

pub(super) async fn post(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let parent = request.headers().get(names::TRACEPARENT);
    let span = spans::request(parent.and_then(|value| value.to_str().ok()));
    let answered = answer(&gateway, request).instrument(span.clone()).await;
    let response = answered.unwrap_or_else(IntoResponse::into_response);
    spans::responded(&span, response.status().as_u16());
    response
}

async fn answer(gateway: &Gateway, request: Request) -> Result<Response, HttpProblem> {
    gateway.guard.may_post(request.headers())?;
    let wish = Wish::of(gateway, request.uri(), request.headers()).await?;
    let tally = receive(gateway, request).await?;
    let waited = match wish {
        Some(wish) if !tally.ids().is_empty() => Some(wish.wait(tally.ids()).await),
        _ => None,
    };
    Ok(tally.answer(waited))
}

async fn receive(gateway: &Gateway, request: Request) -> Result<Tally, HttpProblem> {
    let terms = Terms::read(request.headers())?;
    let patience = request.headers().contains_key("expect");
    let body = request.into_body();
    if terms.form == Form::Lines {
        let Ok(_stream) = gateway.streams.try_acquire() else {
            return Err(busy("too many streams at once"));
        };
        let lines = lines::split(gateway, body);
        return Ok(publish(gateway, terms, lines).await);
    }
    // Only what has arrived is worth a place: a slow body must not keep others out.
    let whole = body::whole(gateway, body, patience).await?;
    let Ok(_place) = gateway.requests.try_acquire() else {
        return Err(busy("too many requests at once"));
    };
    let bodies = match body::split(&whole.bytes, terms.form, gateway.config.gateway.max_events)? {
        Parts::One(body) => vec![body],
        Parts::Many(bodies) => bodies,
    };
    let events = bodies
        .into_iter()
        .map(|body| Ok((body, super::budget::Held::default())));
    Ok(publish(gateway, terms, stream::iter(events).boxed()).await)
}

/// Takes all of them; what happens to them later goes on with the trace of this.
async fn publish(gateway: &Gateway, mut terms: Terms, events: BoxStream<'_, lines::Line>) -> Tally {
    let span = spans::publish(gateway.exchange());
    if let Some(parent) = spans::trace_parent(&span) {
        let name = names::TRACEPARENT.to_owned();
        terms.headers.insert(name, parent.into());
    }
    let taking = take::all(gateway, &terms, events);
    let tally = taking.instrument(span.clone()).await;
    spans::published(&span, tally.events().accepted, tally.events().rejected);
    tally
}

fn busy(detail: &str) -> HttpProblem {
    HttpProblem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(TRY_AGAIN)
}
