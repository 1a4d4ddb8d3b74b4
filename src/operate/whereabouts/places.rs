//! Where an event is, queue by queue: what the stores say, and what the broker's side queues
//! hold.

use std::collections::BTreeMap;

use fanout_contract::{EventId, Trace};
use serde::{Serialize, Serializer};
use tokio::time::Instant;

use super::queues::{self, Found, Look};
use super::stores::{Seen, Stores};
use crate::broker::{Broker, BrokerError};
use crate::codec::Codec;
use crate::config::{Config, QueueConfig};
use crate::topology::{Role, Topology, names};

/// Where an event is as far as one queue goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In the store.
    Applied,
    /// In a retry stage, to be tried again.
    Retrying,
    /// Among the dead letters.
    DeadLetter,
    /// Not known to be in the store; the queue or its suspect queue holds messages, which are
    /// not looked into: it may be one of them.
    Waiting,
    /// Not in the store, and nowhere else: in flight at this moment, skipped, or never
    /// published to this queue.
    NotFound,
    /// The store cannot tell of it, and it is nowhere else.
    Unknown,
}

impl State {
    /// Stable name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Retrying => "retrying",
            Self::DeadLetter => "dead-letter",
            Self::Waiting => "waiting",
            Self::NotFound => "not-found",
            Self::Unknown => "unknown",
        }
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What is known of an event in one queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Key of the queue.
    pub queue: String,
    /// Its name at the broker.
    pub name: String,
    /// Where the event is.
    pub state: State,
    /// When it was applied, where the store keeps that; RFC 3339.
    pub at: Option<String>,
    /// Messages of the event in retry stages and among the dead letters; also where it is
    /// applied all the same.
    pub found: Vec<Found>,
    /// Messages ready in the queue; `None` where the broker was not asked.
    pub ready: Option<u64>,
    /// Messages in its suspect queue.
    pub suspects: Option<u64>,
    /// What could not be found out, and why.
    pub problems: Vec<String>,
}

/// Asks the stores of all configured queues.
pub async fn in_stores(config: &Config, stores: &Stores, id: &EventId) -> Vec<Place> {
    let keys: Vec<String> = config.queues.keys().cloned().collect();
    let ids = [id.clone()];
    places(config, stores.seen(&keys, &ids, Instant::now()).await)
}

/// What the stores said of one event, queue by queue.
pub fn places(config: &Config, seen: Vec<Seen>) -> Vec<Place> {
    let places = seen.into_iter().filter_map(|seen| {
        let queue = config.queues.get(&seen.queue)?;
        Some(Place::of(seen, queue))
    });
    places.collect()
}

/// Looks for an event in retry stages and among the dead letters, at `limit` messages of each
/// queue at most, and says how much waits in the queues themselves.
///
/// # Errors
/// The broker cannot be asked now.
pub async fn at_broker(
    config: &Config,
    broker: &dyn Broker,
    id: &EventId,
    limit: u16,
    places: &mut [Place],
) -> Result<(), BrokerError> {
    let (topology, codec) = (Topology::from_config(config), Codec::from_config(config));
    let mut looks: BTreeMap<&str, Look> = BTreeMap::new();
    for queue in &topology.queues {
        if matches!(queue.role, Role::Retry | Role::DeadLetter) {
            let which = (queue.name.as_str(), queue.role.as_str());
            let look = queues::look(broker, &codec, which, id, limit).await?;
            looks.insert(&queue.name, look.unwrap_or_default());
        }
    }
    for place in places {
        let Some(queue) = config.queues.get(&place.queue) else {
            continue;
        };
        place.ready = ready(broker, &queue.name).await?;
        place.suspects = ready(broker, &names::suspect(&queue.name)).await?;
        let stages = queue.retry_delays.iter();
        let stages = stages.map(|delay| names::retry(&queue.name, *delay));
        for side in stages.chain([queue.dead_letter.clone()]) {
            if let Some(look) = looks.get(side.as_str()) {
                place.take(&side, look, queue);
            }
        }
        place.settle();
    }
    Ok(())
}

async fn ready(broker: &dyn Broker, queue: &str) -> Result<Option<u64>, BrokerError> {
    let depth = broker.depth(queue).await?;
    Ok(depth.map(|depth| depth.ready))
}

impl Place {
    fn of(seen: Seen, queue: &QueueConfig) -> Self {
        let (state, at) = match seen.traces.first() {
            Some(Trace::Applied { at }) => (State::Applied, at.map(|at| at.to_string())),
            Some(Trace::NotApplied) => (State::NotFound, None),
            Some(Trace::Unknown) | None => (State::Unknown, None),
        };
        Self {
            queue: seen.queue,
            name: queue.name.clone(),
            state,
            at,
            found: Vec::new(),
            ready: None,
            suspects: None,
            problems: seen.problem.into_iter().collect(),
        }
    }

    /// Dead letters of several queues may share one dead-letter queue.
    fn take(&mut self, side: &str, look: &Look, queue: &QueueConfig) {
        let mine = |found: &&Found| {
            let origin = found.origin.as_deref();
            origin.is_none_or(|origin| origin.starts_with(&queue.name) && is_of(origin, queue))
        };
        self.found.extend(look.found.iter().filter(mine).cloned());
        if look.looked_at < look.ready {
            let (seen, all) = (look.looked_at, look.ready);
            let text = format!("only {seen} of {all} messages of {side} were looked at");
            self.problems.push(text);
        }
    }

    fn settle(&mut self) {
        if self.state == State::Applied {
            return;
        }
        let is_in = |role: Role| self.found.iter().any(|found| found.role == role.as_str());
        let others = self.ready.unwrap_or(0) + self.suspects.unwrap_or(0);
        self.state = match self.state {
            _ if is_in(Role::Retry) => State::Retrying,
            _ if is_in(Role::DeadLetter) => State::DeadLetter,
            _ if others > 0 => State::Waiting,
            state => state,
        };
    }
}

/// The queue itself, or one of its side queues: what expires in them has died there.
fn is_of(origin: &str, queue: &QueueConfig) -> bool {
    let stages = queue.retry_delays.iter();
    let mut stages = stages.map(|delay| names::retry(&queue.name, *delay));
    origin == queue.name
        || origin == names::suspect(&queue.name)
        || stages.any(|stage| stage == origin)
}
