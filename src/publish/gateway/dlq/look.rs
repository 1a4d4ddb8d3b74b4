//! `GET /dlq`, `/dlq/groups`, `/dlq/{id}`

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::super::Gateway;
use super::super::rights::Reader;
use super::ask::Query;
use super::problem;
use crate::broker::BrokerError;
use crate::operate::HttpProblem;
use crate::operate::dlq::{DeadLetter, DlqError, Looked, Page};

/// What a look may take; it reads some 10,000 a second. It then ends by itself, unanswered.
const LOOK_WITHIN: Duration = Duration::from_secs(60);
/// When somebody else looks, another try may succeed.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

pub(in super::super) async fn list(
    _: Reader,
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
) -> Result<Json<Value>, HttpProblem> {
    let query = Query::read(&uri)?;
    let bench = gateway.dlq.bench.clone();
    let page = Page {
        offset: query.offset,
        limit: query.limit,
    };
    let listed = look(&gateway, waits(&gateway), async move {
        let filter = bench.resolved(query.filter);
        bench.list(&filter, page, &mut ()).await
    });
    let listing = listed.await?;
    let letters = listing.letters.iter().map(|letter| letter.summary(None));
    let letters: Vec<_> = letters.collect();
    Ok(Json(json!({
        "ready": listing.ready,
        "looked_at": listing.looked_at,
        "more": listing.more,
        "incomplete": listing.incomplete,
        "dead_letters": letters,
    })))
}

pub(in super::super) async fn groups(
    _: Reader,
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
) -> Result<Json<Value>, HttpProblem> {
    let query = Query::read(&uri)?;
    let bench = gateway.dlq.bench.clone();
    let grouped = look(&gateway, waits(&gateway), async move {
        let filter = bench.resolved(query.filter);
        bench.group(&filter, &mut ()).await.map(Looked::from)
    });
    Ok(Json(json!(grouped.await?)))
}

pub(in super::super) async fn show(
    _: Reader,
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, HttpProblem> {
    let bench = gateway.dlq.bench.clone();
    let asked = bench.clone();
    let shown = look(&gateway, waits(&gateway), async move {
        asked.show(&id, &mut ()).await
    });
    let letter = shown.await?;
    let known = bench.applied_among(std::slice::from_ref(&letter)).await;
    let known = known.first().copied().flatten();
    Ok(Json(json!(letter.detail(known, &gateway.dlq.redact))))
}

/// The first dead letter of a queue, for the metrics; `None` where there is none, or somebody
/// else is looking.
///
/// # Errors
/// The broker cannot be asked, or does not let it be read.
pub(in super::super) async fn first(
    gateway: &Gateway,
    dlq: &str,
) -> Result<Option<DeadLetter>, BrokerError> {
    let (bench, dlq) = (gateway.dlq.bench.clone(), dlq.to_owned());
    let first = look(
        gateway,
        Duration::ZERO,
        async move { bench.first(&dlq).await },
    );
    match first.await {
        Ok(first) => Ok(first),
        Err(Unseen::Failed(DlqError::Broker(error))) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Why a look found nothing.
enum Unseen {
    /// Somebody else is looking, or it takes too long.
    Busy,
    Failed(DlqError),
    Ended,
}

impl From<Unseen> for HttpProblem {
    fn from(unseen: Unseen) -> Self {
        match unseen {
            Unseen::Busy => {
                let detail = "somebody else is looking into the dead letters, or it takes too long";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(LOOK_AGAIN)
            }
            Unseen::Failed(error) => problem(error),
            Unseen::Ended => {
                let detail = "the look ended early";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
        }
    }
}

/// How long a client waits for its turn.
fn waits(gateway: &Gateway) -> Duration {
    gateway.config.gateway.accept_timeout
}

/// One look after the other; in a task of its own, so that it gives everything back also when
/// the client goes, and only after the answer.
async fn look<T: Send + 'static>(
    gateway: &Gateway,
    waits: Duration,
    looking: impl Future<Output = Result<Looked<T>, DlqError>> + Send + 'static,
) -> Result<T, Unseen> {
    let turn = Arc::clone(&gateway.dlq.looking).acquire_owned();
    let turn = timeout(waits, turn).await;
    let turn = turn.map_err(|_| Unseen::Busy)?;
    let (answer, found) = oneshot::channel();
    tokio::spawn(async move {
        let _turn = turn;
        let (found, given) = match looking.await {
            Ok(looked) => {
                let (found, read) = looked.apart();
                (Ok(found), Some(read))
            }
            Err(error) => (Err(error), None),
        };
        // Nobody waits any more where the client has gone.
        let _ = answer.send(found);
        if let Some(read) = given
            && let Err(error) = read.give_back().await
        {
            tracing::debug!(%error, "the broker took the dead letters back by itself");
        }
    });
    match timeout(LOOK_WITHIN, found).await {
        Ok(Ok(found)) => found.map_err(Unseen::Failed),
        Ok(Err(_)) => Err(Unseen::Ended),
        Err(_) => Err(Unseen::Busy),
    }
}
