//! Waiting until events are applied: what a request asks for, and how it ended. `events` waits
//! for what was posted, `event` for one.
//!
//! A wish is read before anything is taken, so that one that cannot be granted costs nothing.
//! Invariant: a wait never changes what becomes of an event; it only says more of it.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, Uri};
use fanout_contract::{EventId, Trace};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use url::form_urlencoded;

use super::Gateway;
use crate::config::Config;
use crate::operate::HttpProblem;
use crate::operate::whereabouts::Seen;

/// Where `wait=applied` says no time: people and load balancers wait for so long.
const USUAL: Duration = Duration::from_secs(5);
/// What may be asked for: half of what a connection may take for one request.
const LONGEST: Duration = Duration::from_secs(60);
/// Waits at once; each asks the stores several times a second.
pub(super) const WAITS: usize = 256;
/// Ids that are named of those a store does not have.
const NAMED: usize = 100;
pub(super) const CROWDED: &str = "too many requests are waiting for events";
/// A place to wait is free again after a moment.
pub(super) const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What a request wants to wait for.
#[derive(Debug)]
pub(super) struct Wish<'g> {
    gateway: &'g Gateway,
    queues: Vec<String>,
    within: Duration,
    /// By the header `Prefer`: granted where it can be.
    preferred: bool,
}

/// How a wait ended.
#[derive(Debug)]
pub(super) struct Waited {
    pub(super) applied: bool,
    /// By queue: how many events its store is not known to have, some of them by name, and why
    /// it did not answer.
    pub(super) pending: Value,
    /// What to say of a preference that was granted, as the header has it.
    pub(super) granted: Option<String>,
}

/// What the query and the headers say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    within: Option<Duration>,
    preferred: bool,
    pub(super) queues: Option<Vec<String>>,
    /// Whether retry stages and dead letters are to be looked through.
    pub(super) look: bool,
}

impl Asked {
    pub(super) fn read(uri: &Uri, headers: &HeaderMap) -> Result<Self, HttpProblem> {
        let (mut asked, mut timeout) = (Self::default(), None);
        let query = uri.query().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "wait" if value == "applied" => asked.within = Some(USUAL),
                "wait" => asked.within = Some(time("wait", &value)?),
                "timeout" => timeout = Some(time("timeout", &value)?),
                "queues" => {
                    let queues = value
                        .split(',')
                        .map(str::trim)
                        .filter(|key| !key.is_empty());
                    asked.queues = Some(queues.map(str::to_owned).collect());
                }
                "look" => asked.look = matches!(&*value, "" | "true" | "1"),
                _ => {}
            }
        }
        if asked.within.is_none() {
            asked.within = preference(headers);
            asked.preferred = asked.within.is_some();
        } else if timeout.is_some() {
            asked.within = timeout;
        }
        Ok(asked)
    }
}

/// `5`, `5s`, `500ms`.
fn time(name: &str, text: &str) -> Result<Duration, HttpProblem> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let time = seconds.or_else(|| humantime::parse_duration(text).ok());
    time.filter(|time| *time <= LONGEST).ok_or_else(|| {
        let longest = LONGEST.as_secs();
        let or = if name == "wait" { "`applied` or " } else { "" };
        bad(format!(
            "{name} must be {or}a time up to {longest}s, such as 5s"
        ))
    })
}

/// `Prefer: wait=5` (RFC 7240), in seconds. One that cannot be read is passed over.
fn preference(headers: &HeaderMap) -> Option<Duration> {
    let given = headers.get_all("prefer").into_iter();
    let given = given.filter_map(|value| value.to_str().ok());
    let mut given = given.flat_map(|value| value.split([',', ';']));
    let seconds = given.find_map(|one| {
        let (name, value) = one.split_once('=')?;
        let is_wait = name.trim().eq_ignore_ascii_case("wait");
        is_wait.then(|| value.trim().trim_matches('"').parse::<u64>().ok())?
    });
    seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST))
}

fn bad(detail: impl Into<String>) -> HttpProblem {
    HttpProblem::new(StatusCode::BAD_REQUEST, detail)
}

impl<'g> Wish<'g> {
    /// What the request asks for; `None` where that is nothing, or a preference that cannot be
    /// granted.
    pub(super) async fn of(
        gateway: &'g Gateway,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Option<Self>, HttpProblem> {
        let asked = Asked::read(uri, headers)?;
        let Some(within) = asked.within else {
            return Ok(None);
        };
        let preferred = asked.preferred;
        match Self::granted(gateway, asked, within).await {
            Ok(wish) => Ok(Some(wish)),
            Err(_) if preferred => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    async fn granted(
        gateway: &'g Gateway,
        asked: Asked,
        within: Duration,
    ) -> Result<Self, HttpProblem> {
        let queues = queues(&gateway.config, gateway.exchange(), asked.queues)?;
        let silent = gateway.stores.silent(&queues).await;
        if !silent.is_empty() {
            let detail = "the processors of these queues cannot tell what is applied: wait for \
                          others with queues=, or without wait";
            let problem = HttpProblem::new(StatusCode::NOT_IMPLEMENTED, detail);
            return Err(problem.with("queues", silent));
        }
        Ok(Self {
            gateway,
            queues,
            within,
            preferred: asked.preferred,
        })
    }

    /// Waits until the stores have them, the time is over, or the program ends.
    pub(super) async fn wait(self, ids: &[String]) -> Waited {
        let ids: Vec<EventId> = ids.iter().map(|id| EventId::new(id.as_str())).collect();
        let seen = match self.gateway.waits.try_acquire() {
            Ok(_place) => self.seen(&ids).await,
            Err(_) => self.unasked(&ids),
        };
        let pending = seen.iter().filter(|one| !one.all_applied());
        let pending = pending.map(|one| (one.queue.clone(), pending_in(one, &ids)));
        let pending: Map<String, Value> = pending.collect();
        let seconds = self.within.as_secs();
        Waited {
            applied: pending.is_empty(),
            pending: Value::Object(pending),
            granted: self.preferred.then(|| format!("wait={seconds}")),
        }
    }

    /// The events are safe: the answer must not be an error.
    fn unasked(&self, ids: &[EventId]) -> Vec<Seen> {
        let unasked = |queue: &String| Seen {
            queue: queue.clone(),
            traces: vec![Trace::Unknown; ids.len()],
            problem: Some(CROWDED.to_owned()),
        };
        self.queues.iter().map(unasked).collect()
    }

    pub(super) async fn seen(&self, ids: &[EventId]) -> Vec<Seen> {
        let stores = &self.gateway.stores;
        let until = Instant::now() + self.within;
        tokio::select! {
            seen = stores.seen(&self.queues, ids, until) => seen,
            // the last look tells what there is
            () = self.gateway.draining.cancelled() => {
                stores.seen(&self.queues, ids, Instant::now()).await
            }
        }
    }
}

fn pending_in(seen: &Seen, ids: &[EventId]) -> Value {
    let open = seen
        .traces
        .iter()
        .zip(ids)
        .filter(|(trace, _)| !trace.is_applied());
    let named = open.clone().take(NAMED).map(|(_, id)| id.as_str());
    json!({
        "count": open.clone().count(),
        "ids": named.collect::<Vec<_>>(),
        "problem": seen.problem,
    })
}

/// Keys of the queues that a wait is about: those named, else those that get what is posted.
pub(super) fn queues(
    config: &Config,
    exchange: &str,
    named: Option<Vec<String>>,
) -> Result<Vec<String>, HttpProblem> {
    let Some(named) = named else {
        let bound = config.queues.iter().filter(|(_, queue)| {
            let mut bindings = queue.bindings.iter();
            bindings.any(|binding| binding.exchange == exchange)
        });
        let bound: Vec<String> = bound.map(|(key, _)| key.clone()).collect();
        return match bound.is_empty() {
            true => Err(bad(
                "no queue gets what is posted here; name some with queues=",
            )),
            false => Ok(bound),
        };
    };
    let key = |name: String| {
        let known = |(key, queue): &(&String, &crate::config::QueueConfig)| {
            **key == name || queue.name == name
        };
        let found = config.queues.iter().find(known);
        found
            .map(|(key, _)| key.clone())
            .ok_or_else(|| bad(format!("{name} is no configured queue")))
    };
    let keys: Vec<String> = named.into_iter().map(key).collect::<Result<_, _>>()?;
    match keys.is_empty() {
        true => Err(bad("queues names no queue")),
        false => Ok(keys),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &str, prefer: Option<&'static str>) -> Result<Asked, u16> {
        let mut headers = HeaderMap::new();
        if let Some(prefer) = prefer {
            headers.insert("prefer", axum::http::HeaderValue::from_static(prefer));
        }
        let asked = Asked::read(&uri.parse().unwrap(), &headers);
        asked.map_err(|problem| problem.status().as_u16())
    }

    fn within(uri: &str, prefer: Option<&'static str>) -> Option<u128> {
        let asked = asked(uri, prefer).unwrap();
        asked.within.map(|within| within.as_millis())
    }

    #[test]
    fn a_wait_is_asked_for_by_the_query_or_preferred_by_a_header() {
        assert_eq!(within("/events", None), None);
        assert_eq!(within("/events?wait=applied", None), Some(5_000));
        assert_eq!(within("/events?wait=2", None), Some(2_000));
        assert_eq!(within("/events?wait=250ms", None), Some(250));
        assert_eq!(within("/events?wait=applied&timeout=1s", None), Some(1_000));
        assert_eq!(within("/events?timeout=1s", None), None);
        assert_eq!(within("/events", Some("wait=3")), Some(3_000));
        assert_eq!(
            within("/events", Some("respond-async, Wait=\"7\"")),
            Some(7_000)
        );
        assert_eq!(within("/events", Some("wait=3600")), Some(60_000));
        assert_eq!(within("/events", Some("wait=soon")), None);
        let both = asked("/events?wait=1", Some("wait=9")).unwrap();
        assert_eq!(
            (both.within, both.preferred),
            (Some(Duration::from_secs(1)), false)
        );
    }

    #[test]
    fn a_time_that_cannot_be_meant_is_refused() {
        for uri in [
            "/events?wait=true",
            "/events?wait=61s",
            "/events?wait=",
            "/events?wait=applied&timeout=-1",
        ] {
            assert_eq!(asked(uri, None), Err(400), "{uri}");
        }
    }

    #[test]
    fn queues_are_named_by_key_or_name_else_those_of_the_exchange_count() {
        let mut config = Config::default();
        let mut other = config.queues["neo4j"].clone();
        other.name = "other.q".to_owned();
        other.bindings[0].exchange = "other".to_owned();
        config.queues.insert("other".to_owned(), other);
        let of = |named: Option<&[&str]>| {
            let named = named.map(|named| named.iter().map(ToString::to_string).collect());
            queues(&config, "events", named).map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(of(None).unwrap(), ["neo4j", "qdrant"]);
        assert_eq!(of(Some(&["other.q", "neo4j"])).unwrap(), ["other", "neo4j"]);
        assert_eq!(of(Some(&["nobody"])), Err(400));
        assert_eq!(of(Some(&[])), Err(400));
    }
}
