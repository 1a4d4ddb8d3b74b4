//! `GET /events/{id}`: where one event is, at once or once it is applied.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use fanout_contract::EventId;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Gateway;
use super::wait::{Asked, CROWDED, TRY_AGAIN, Wish, queues};
use crate::operate::whereabouts::{Place, Seen, State as Whereabouts, at_broker, places};
use crate::operate::{HttpProblem, Peer};

/// Looks through retry stages and dead letters at once: each reads thousands of messages.
pub(super) const LOOKS: usize = 2;
/// Messages of each of them that are looked at.
const LOOKED_AT: u16 = 10_000;

pub(super) async fn event(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    peer: Option<Extension<Peer>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, HttpProblem> {
    let look = Asked::read(&uri, &headers)?.look;
    if look {
        // it costs the broker as much as a change does
        let peer = peer.map(|Extension(peer)| peer);
        gateway.guard.may_change(&headers, peer)?;
    }
    let event = EventId::new(id.as_str());
    let seen = seen(&gateway, &uri, &headers, &event).await?;
    let mut places = places(&gateway.config, seen);
    let applied = |places: &[Place]| places.iter().all(|p| p.state == Whereabouts::Applied);
    let applied = !places.is_empty() && applied(&places);
    let mut problem = None;
    if look && !applied {
        let Ok(_turn) = gateway.looks.try_acquire() else {
            return Err(crowded("too many looks through the queues at once"));
        };
        let (config, broker) = (&gateway.config, &*gateway.broker);
        let looked = at_broker(config, broker, &event, LOOKED_AT, &mut places).await;
        problem = looked.err().map(|error| error.to_string());
    }
    let queues = places.into_iter().map(|place| {
        let known = told(&place, look && !applied);
        (place.queue, known)
    });
    let queues: Map<String, Value> = queues.collect();
    let answer = json!({ "id": id, "applied": applied, "queues": queues, "problem": problem });
    Ok(Json(answer).into_response())
}

async fn seen(
    gateway: &Gateway,
    uri: &Uri,
    headers: &HeaderMap,
    id: &EventId,
) -> Result<Vec<Seen>, HttpProblem> {
    let ids = [id.clone()];
    if let Some(wish) = Wish::of(gateway, uri, headers).await? {
        let Ok(_place) = gateway.waits.try_acquire() else {
            return Err(crowded(CROWDED));
        };
        return Ok(wish.seen(&ids).await);
    }
    let named = Asked::read(uri, headers)?.queues;
    let queues = queues(&gateway.config, gateway.exchange(), named)?;
    Ok(gateway.stores.seen(&queues, &ids, Instant::now()).await)
}

fn crowded(detail: &str) -> HttpProblem {
    HttpProblem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(TRY_AGAIN)
}

fn told(place: &Place, looked: bool) -> Value {
    let state = match place.state {
        // nobody has looked for it elsewhere
        Whereabouts::NotFound if !looked => "not-applied",
        state => state.as_str(),
    };
    let mut told = json!({ "state": state, "at": place.at, "problem": place.problems.first() });
    if let (true, Some(members)) = (looked, told.as_object_mut()) {
        members.insert("found".to_owned(), json!(place.found));
        members.insert("ready".to_owned(), json!(place.ready));
        members.insert("suspects".to_owned(), json!(place.suspects));
    }
    told
}
