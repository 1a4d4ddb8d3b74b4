//! The stores of the configured queues, asked by event id.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fanout_contract::{Applied, EventId, Failure, Processor, Trace};
use futures::future::join_all;
use tokio::time::{Instant, sleep, timeout};

/// Ids of one question, as [`Processor::applied`] allows.
const IDS: usize = 1_000;
/// What one question may take, whatever else is left of a wait: a store that answers at all
/// does so within milliseconds.
const ASK_WITHIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// First and longest pause between two questions: an idle lane needs some 10 ms from the
/// exchange to a store, a busy one as long as its backlog.
const PAUSE: (Duration, Duration) = (Duration::from_millis(15), Duration::from_millis(500));

/// The stores, each under the key of its queue.
#[derive(Clone, Default)]
pub struct Stores(Vec<Store>);

#[derive(Clone)]
struct Store {
    queue: String,
    /// `None`: this program does not have the queue's processor.
    processor: Option<Arc<dyn Processor>>,
}

/// What a store said of the events it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Key of its queue.
    pub queue: String,
    /// Of each event, in the order in which they were asked; all unknown where it did not say.
    pub traces: Vec<Trace>,
    /// Why it did not answer the last time it was asked.
    pub problem: Option<String>,
}

impl Seen {
    /// Whether it has all of them.
    pub fn all_applied(&self) -> bool {
        self.traces.iter().all(Trace::is_applied)
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.queues()).finish()
    }
}

impl Stores {
    /// No store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the store of a queue; `None` where this program does not have its processor.
    #[must_use]
    pub fn with(mut self, queue: impl Into<String>, processor: Option<Arc<dyn Processor>>) -> Self {
        self.0.push(Store {
            queue: queue.into(),
            processor,
        });
        self
    }

    /// Keys of the queues.
    pub fn queues(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|store| store.queue.as_str())
    }

    /// Those of these queues whose store can tell of no event: the processor does not know, or
    /// is not in this program. Asks no server.
    pub async fn silent(&self, queues: &[String]) -> Vec<String> {
        let mut silent = Vec::new();
        for queue in queues {
            let processor = self.processor(queue);
            let told = match processor {
                Some(processor) => timeout(ASK_WITHIN.0, processor.applied(&[])).await.ok(),
                None => Some(Ok(Applied::CannotTell)),
            };
            if matches!(told, Some(Ok(Applied::CannotTell))) {
                silent.push(queue.clone());
            }
        }
        silent
    }

    /// Asks the stores of these queues side by side, again and again with growing pauses,
    /// until they have all events or the moment has come; once at least. Takes a second longer
    /// at most, 5 s where the moment is now. Dropping it stops.
    pub async fn seen(&self, queues: &[String], ids: &[EventId], until: Instant) -> Vec<Seen> {
        let asked = queues.iter().map(|queue| self.one(queue, ids, until));
        join_all(asked).await
    }

    async fn one(&self, queue: &str, ids: &[EventId], until: Instant) -> Seen {
        let mut seen = Seen {
            queue: queue.to_owned(),
            traces: vec![Trace::Unknown; ids.len()],
            problem: None,
        };
        let Some(processor) = self.processor(queue) else {
            seen.problem = Some("this program does not have the queue's processor".to_owned());
            return seen;
        };
        let once = until <= Instant::now();
        let mut pause = PAUSE.0;
        let mut idle = true;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let within = match once {
                true => ASK_WITHIN.1,
                false => left.clamp(ASK_WITHIN.0, ASK_WITHIN.1),
            };
            let asked = timeout(within, ask(&**processor, ids, &mut seen.traces)).await;
            seen.problem = match &asked {
                Ok(Ok(true)) => None,
                Ok(Ok(false)) => {
                    seen.problem = Some("the processor keeps no traces".to_owned());
                    return seen;
                }
                Ok(Err(failure)) => Some(failure.to_string()),
                Err(_) => Some(format!("no answer from the store within {within:?}")),
            };
            let first = std::mem::take(&mut idle);
            if first && matches!(asked, Ok(Err(_))) {
                // a connection that was idle may have been broken long ago
                continue;
            }
            let now = Instant::now();
            if seen.all_applied() || now >= until {
                return seen;
            }
            sleep(pause.min(until - now)).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    fn processor(&self, queue: &str) -> Option<&Arc<dyn Processor>> {
        let store = self.0.iter().find(|store| store.queue == queue)?;
        store.processor.as_ref()
    }

    /// Gives up the connections to the stores.
    pub async fn close(&self) {
        let processors = self.0.iter().filter_map(|store| store.processor.as_ref());
        join_all(processors.map(|processor| processor.close())).await;
    }
}

/// Asks for what is not known to be applied; false where the processor cannot tell.
async fn ask(
    processor: &dyn Processor,
    ids: &[EventId],
    traces: &mut [Trace],
) -> Result<bool, Failure> {
    let slots = (0..ids.len()).filter(|slot| !traces.get(*slot).is_some_and(Trace::is_applied));
    let open: Vec<usize> = slots.collect();
    for slots in open.chunks(IDS) {
        let asked = slots.iter().filter_map(|slot| ids.get(*slot).cloned());
        let asked: Vec<EventId> = asked.collect();
        let told = match processor.applied(&asked).await? {
            Applied::CannotTell => return Ok(false),
            told @ Applied::Told(_) => told.into_traces(asked.len()),
        };
        for (slot, trace) in slots.iter().zip(told) {
            if let Some(place) = traces.get_mut(*slot) {
                *place = trace;
            }
        }
    }
    Ok(true)
}
