//! The destination: counters, documents and a ledger behind one atomic commit.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

use crate::applied::Trace;
use crate::conformance::harness::Fault;
use crate::event::EventId;
use crate::follow_up::FollowUp;

/// One way, there or back. Long enough that calls overlap and can be cut between.
const TRIP: Duration = Duration::from_millis(1);

/// An effect of one event.
#[derive(Clone, Debug)]
pub enum Change {
    /// Adds to a counter; with `announce`, the event is answered with the counter's value.
    Raise {
        /// The counter.
        counter: String,
        /// How much; any sign.
        by: i64,
        /// Kind of the follow-up, if there is one.
        announce: Option<String>,
    },
    /// Sets a document, unless it holds a newer version.
    Write {
        /// The document.
        document: String,
        /// Orders writes; the greatest wins.
        version: u64,
        /// The content.
        text: String,
    },
}

/// Why a commit failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing was done.
    #[error("connection refused")]
    Refused,
    /// Whether anything was done is unknown.
    #[error("connection lost")]
    Lost,
    /// Nothing was done: another writer was in the way.
    #[error("conflict of writers")]
    Conflict,
}

#[derive(Debug, Default)]
struct State {
    ledger: BTreeMap<String, Vec<FollowUp>>,
    counters: BTreeMap<String, i64>,
    documents: BTreeMap<String, (u64, String)>,
    fault: Option<Fault>,
}

/// A shared in-memory destination; clones are the same one. Effects and ledger change in one
/// step, as in a transaction.
#[derive(Clone, Debug, Default)]
pub struct Store(Arc<Mutex<State>>);

impl Store {
    /// An empty, healthy one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the fault, or heals with `None`.
    pub fn inject(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    /// Asks for an answer and nothing else.
    ///
    /// # Errors
    /// Those of the fault that is set.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.commit(&[]).await.map(drop)
    }

    /// Applies the changes of the events that are not in the ledger, all or none, and answers
    /// with each event's follow-ups: new ones, or those in the ledger.
    ///
    /// # Errors
    /// Those of the fault that is set. *Cancellation*: all or nothing has happened.
    pub async fn commit(
        &self,
        changes: &[(String, Change)],
    ) -> Result<Vec<Vec<FollowUp>>, StoreError> {
        let fault = self.arrive().await?;
        let answers = self.state().apply_all(changes);
        sleep(TRIP).await;
        if fault == Some(Fault::LoseAnswer) {
            return Err(StoreError::Lost);
        }
        Ok(answers)
    }

    /// What the ledger knows of these ids; it keeps no times.
    ///
    /// # Errors
    /// Those of the fault that is set.
    pub async fn traces(&self, ids: &[EventId]) -> Result<Vec<Trace>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let fault = self.arrive().await?;
        let traces = {
            let state = self.state();
            let trace = |id: &EventId| match state.ledger.contains_key(id.as_str()) {
                true => Trace::Applied { at: None },
                false => Trace::NotApplied,
            };
            ids.iter().map(trace).collect()
        };
        sleep(TRIP).await;
        if fault == Some(Fault::LoseAnswer) {
            return Err(StoreError::Lost);
        }
        Ok(traces)
    }

    /// The way there, and the fault that is met.
    async fn arrive(&self) -> Result<Option<Fault>, StoreError> {
        sleep(TRIP).await;
        let fault = self.state().fault;
        match fault {
            Some(Fault::Refuse) => Err(StoreError::Refused),
            Some(Fault::Conflict) => Err(StoreError::Conflict),
            Some(Fault::Stall) => std::future::pending().await,
            Some(Fault::LoseAnswer) | None => Ok(fault),
        }
    }

    /// Counters and documents whose names begin with `prefix`, without it.
    pub fn snapshot(&self, prefix: &str) -> Value {
        let state = self.state();
        let counters: BTreeMap<&str, i64> = state
            .counters
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, *value)))
            .collect();
        let documents: BTreeMap<&str, &(u64, String)> = state
            .documents
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, value)))
            .collect();
        json!({ "counters": counters, "documents": documents })
    }

    /// How many event ids the ledger holds.
    pub fn applied(&self) -> usize {
        self.state().ledger.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code of ours can panic between two changes of the state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply_all(&mut self, changes: &[(String, Change)]) -> Vec<Vec<FollowUp>> {
        changes
            .iter()
            .map(|(id, change)| {
                if let Some(stored) = self.ledger.get(id) {
                    return stored.clone();
                }
                let follow_ups = self.apply(change);
                self.ledger.insert(id.clone(), follow_ups.clone());
                follow_ups
            })
            .collect()
    }

    fn apply(&mut self, change: &Change) -> Vec<FollowUp> {
        match change {
            Change::Raise {
                counter,
                by,
                announce,
            } => {
                let value = self.counters.entry(counter.clone()).or_default();
                *value = value.wrapping_add(*by);
                let payload = json!({ "counter": counter, "value": *value });
                announce
                    .iter()
                    .map(|kind| FollowUp::new(kind, payload.clone()))
                    .collect()
            }
            Change::Write {
                document,
                version,
                text,
            } => {
                let place = self.documents.entry(document.clone()).or_default();
                if place.0 < *version {
                    *place = (*version, text.clone());
                }
                Vec::new()
            }
        }
    }
}
