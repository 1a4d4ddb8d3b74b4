//! Asks the stores of the projections what of a dead-letter queue is applied all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::bench::Applied;
use super::letter::DeadLetter;
use crate::config::Config;
use crate::operate::whereabouts::Stores;
use crate::telemetry::log;

/// The stores, by the names of their queues at the broker. One that did not answer is not
/// asked again: a replay at night shall not wait for a database that is away.
pub(super) struct InStores {
    stores: Stores,
    keys: BTreeMap<String, String>,
    silent: Mutex<BTreeSet<String>>,
}

impl InStores {
    pub(super) fn new(stores: Stores, config: &Config) -> Self {
        let queues = config.queues.iter();
        Self {
            stores,
            keys: queues
                .map(|(key, queue)| (queue.name.clone(), key.clone()))
                .collect(),
            silent: Mutex::default(),
        }
    }

    fn silent(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Places in `letters` of those that are applied where this queue leads.
    async fn of(&self, queue: &str, places: &[usize], letters: &[&DeadLetter]) -> Vec<usize> {
        let Some(key) = self
            .keys
            .get(queue)
            .filter(|_| !self.silent().contains(queue))
        else {
            return Vec::new();
        };
        let named = places.iter().filter_map(|place| {
            let id = letters.get(*place)?.event_id.clone()?;
            Some((*place, id))
        });
        let (places, ids): (Vec<_>, Vec<_>) = named.unzip();
        if ids.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        let seen = self.stores.seen(std::slice::from_ref(key), &ids, now).await;
        let Some(seen) = seen.into_iter().next() else {
            return Vec::new();
        };
        if let Some(problem) = seen.problem {
            log::applied_unknown(queue, &problem);
            self.silent().insert(queue.to_owned());
            return Vec::new();
        }
        let told = places.into_iter().zip(seen.traces);
        told.filter(|(_, trace)| trace.is_applied())
            .map(|(place, _)| place)
            .collect()
    }
}

impl Applied for InStores {
    fn applied<'a>(
        &'a self,
        letters: &'a [&'a DeadLetter],
    ) -> BoxFuture<'a, Result<Vec<bool>, String>> {
        async move {
            let mut queues: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for (place, letter) in letters.iter().enumerate() {
                let queue = letter.origin.as_deref().unwrap_or_default();
                queues.entry(queue).or_default().push(place);
            }
            let mut applied = vec![false; letters.len()];
            for (queue, places) in queues {
                for place in self.of(queue, &places, letters).await {
                    if let Some(known) = applied.get_mut(place) {
                        *known = true;
                    }
                }
            }
            Ok(applied)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use fanout_contract::{Applied as Told, Batch, EventId, Failure, Outcomes, Processor};
    use fanout_contract::{ReasonCode, Trace};

    use super::*;
    use crate::broker::Message;
    use crate::codec::Codec;

    /// Has the event `there`; counts how often it was asked.
    struct Store {
        fails: bool,
        asked: AtomicU32,
    }

    impl Processor for Store {
        fn name(&self) -> &str {
            "store"
        }

        fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
            Box::pin(async { Ok(Outcomes::all_applied(batch)) })
        }

        fn applied<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, Result<Told, Failure>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let trace = |id: &EventId| match id.as_str() {
                "there" => Trace::Applied { at: None },
                _ => Trace::NotApplied,
            };
            let told = match self.fails {
                true => Err(Failure::unavailable(ReasonCode::new("away"), "is away")),
                false => Ok(Told::Told(ids.iter().map(trace).collect())),
            };
            Box::pin(async { told })
        }
    }

    fn letter(id: &str, queue: &str) -> DeadLetter {
        let config = Config::default();
        let message = Message {
            body: format!(r#"{{"event_id":"{id}","event_type":"view"}}"#).into(),
            ..Message::default()
        };
        let codec = Codec::from_config(&config);
        let mut letter = DeadLetter::read("events.dlq", message, &codec, &config);
        letter.origin = Some(queue.to_owned());
        letter
    }

    async fn ask(store: &Arc<Store>, in_stores: &InStores) -> (Vec<bool>, u32) {
        let letters = [
            letter("there", "events.neo4j"),
            letter("not", "events.neo4j"),
            letter("there", "events.qdrant"),
            letter("there", "other"),
        ];
        let letters: Vec<_> = letters.iter().collect();
        let applied = in_stores.applied(&letters).await.unwrap();
        (applied, store.asked.load(Ordering::Relaxed))
    }

    fn stores(fails: bool) -> (Arc<Store>, InStores) {
        let store = Arc::new(Store {
            fails,
            asked: AtomicU32::new(0),
        });
        let stores = Stores::new().with("neo4j", Some(store.clone()));
        let in_stores = InStores::new(stores, &Config::default());
        (store, in_stores)
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_is_applied_where_the_store_of_its_own_queue_has_it() {
        let (store, in_stores) = stores(false);
        let (applied, _) = ask(&store, &in_stores).await;
        assert_eq!(applied, [true, false, false, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_away_is_asked_once() {
        let (store, in_stores) = stores(true);
        assert_eq!(ask(&store, &in_stores).await.0, [false; 4]);
        let asked = store.asked.load(Ordering::Relaxed);
        assert_eq!(ask(&store, &in_stores).await, (vec![false; 4], asked));
    }
}
