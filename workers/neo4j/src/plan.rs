//! What a batch is going to write: pure, made before any server is asked.

use fanout_contract::{Batch, Event, EventId, Failure, FollowUp, Outcome, Outcomes, SkipReason};
use jiff::Timestamp;
use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;

use crate::codes;
use crate::fold::Row;
use crate::ledger::{LedgerKey, Repeated};
use crate::mapping::{Effect, MAX_ID_BYTES, Mapped, Mapping};
use crate::value::Value;

/// An id of the batch that writes, once however often it stands there.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Slot of its first event; that one carries the effect.
    slot: usize,
    /// Slots of its repeats in this batch.
    repeats: Vec<usize>,
    id: String,
    effect: Effect,
    /// The follow-ups as they are stored.
    stored: Option<String>,
}

/// What a batch is going to write, and the verdicts that need no server.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) entries: Vec<Entry>,
    pub(crate) outcomes: Outcomes,
    /// Events whose time was clamped.
    pub(crate) clamped: usize,
    /// Ids that stood in the batch with another body.
    pub(crate) conflicts: Vec<String>,
}

impl Plan {
    /// Maps every event; ids that occur twice are entered once.
    pub(crate) fn new(
        mapping: &dyn Mapping,
        projection: Option<&str>,
        batch: &Batch,
        now: Timestamp,
    ) -> Self {
        let mut plan = Self {
            entries: Vec::with_capacity(batch.len()),
            outcomes: Outcomes::unsettled(batch),
            clamped: 0,
            conflicts: Vec::new(),
        };
        let mut first: HashMap<&str, (usize, &Event)> = HashMap::with_capacity(batch.len());
        for (slot, event) in batch.iter() {
            let id = ledger_id(projection, event);
            let effect = match mapping.map(event, now) {
                Mapped::Skip(reason) => {
                    plan.outcomes.skipped(slot, reason);
                    continue;
                }
                Mapped::Fail(failure) => {
                    plan.outcomes.failed(slot, failure);
                    continue;
                }
                Mapped::Write(effect) => effect,
            };
            let made = id.and_then(|id| Entry::new(slot, id, effect, mapping.statements().len()));
            let entry = match made {
                Ok(entry) => entry,
                Err(failure) => {
                    plan.outcomes.failed(slot, failure);
                    continue;
                }
            };
            match first.entry(event.id().as_str()) {
                MapEntry::Vacant(place) => {
                    place.insert((plan.entries.len(), event));
                    plan.clamped += usize::from(entry.effect.clamped);
                    plan.entries.push(entry);
                }
                MapEntry::Occupied(place) => {
                    let (index, original) = place.get();
                    plan.repeat(*index, slot, original, event);
                }
            }
        }
        plan
    }

    fn repeat(&mut self, index: usize, slot: usize, original: &Event, repeat: &Event) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.repeats.push(slot);
            if (original.kind(), original.payload()) != (repeat.kind(), repeat.payload()) {
                self.conflicts.push(entry.id.clone());
            }
        }
    }

    /// The ids to be entered into the ledger, sorted, so that writers take locks in one order.
    pub(crate) fn ledger_keys(&self) -> Vec<LedgerKey> {
        let keys = self
            .entries
            .iter()
            .enumerate()
            .map(|(index, entry)| LedgerKey {
                entry: index,
                id: entry.id.clone(),
                follow_ups: entry.stored.clone(),
            });
        let mut keys: Vec<_> = keys.collect();
        keys.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        keys
    }

    /// The rows of the new entries, by statement.
    pub(crate) fn rows(&self, statements: usize, repeated: &Repeated) -> Vec<Vec<Row>> {
        let mut by_statement: Vec<Vec<Row>> = (0..statements).map(|_| Vec::new()).collect();
        for (index, entry) in self.entries.iter().enumerate() {
            if repeated.contains_key(&index) {
                continue;
            }
            for (statement, columns) in &entry.effect.rows {
                if let Some(rows) = by_statement.get_mut(*statement) {
                    rows.push(Row {
                        columns: columns.clone(),
                        slots: vec![entry.slot],
                    });
                }
            }
        }
        by_statement
    }

    /// The columns that the event in this slot gave for a statement.
    pub(crate) fn columns(&self, slot: usize, statement: usize) -> Option<&[Value]> {
        // entries stand in the order of their slots
        let place = self
            .entries
            .binary_search_by_key(&slot, |entry| entry.slot)
            .ok()?;
        let rows = &self.entries.get(place)?.effect.rows;
        let row = rows.iter().find(|(index, _)| *index == statement)?;
        Some(&row.1)
    }

    /// The verdicts, once the transaction is committed. `older` counts for each slot the rows
    /// that gave way to something newer.
    pub(crate) fn settle(self, mut repeated: Repeated, older: &HashMap<usize, usize>) -> Outcomes {
        let mut outcomes = self.outcomes;
        for (index, entry) in self.entries.into_iter().enumerate() {
            let (first, again) = match repeated.remove(&index) {
                Some(stored) => (duplicate(stored.clone()), duplicate(stored)),
                None => {
                    let rows = entry.effect.rows.len();
                    let all_older = rows > 0 && older.get(&entry.slot) == Some(&rows);
                    let follow_ups = entry.effect.follow_ups;
                    // Follow-ups are stored and will be answered for ever: so now, too.
                    let first = if all_older && follow_ups.is_empty() {
                        Outcome::Skipped(SkipReason::OlderVersion)
                    } else {
                        Outcome::Applied(follow_ups.clone())
                    };
                    (first, duplicate(follow_ups))
                }
            };
            outcomes.set(entry.slot, first);
            for slot in entry.repeats {
                outcomes.set(slot, again.clone());
            }
        }
        outcomes
    }
}

/// Repeats are answered with the stored follow-ups (law L10).
fn duplicate(stored: Vec<FollowUp>) -> Outcome {
    if stored.is_empty() {
        Outcome::Skipped(SkipReason::Duplicate)
    } else {
        Outcome::Applied(stored)
    }
}

impl Entry {
    fn new(slot: usize, id: String, effect: Effect, statements: usize) -> Result<Self, Failure> {
        if effect
            .rows
            .iter()
            .any(|(statement, _)| *statement >= statements)
        {
            let message = "the mapping gave a row for a statement that it does not have";
            return Err(Failure::permanent(codes::MAPPING, message));
        }
        let stored = match effect.follow_ups.as_slice() {
            [] => None,
            some => Some(serde_json::to_string(some).map_err(|_| {
                Failure::permanent(codes::MAPPING, "the follow-ups cannot be stored as JSON")
            })?),
        };
        Ok(Self {
            slot,
            repeats: Vec::new(),
            id,
            effect,
            stored,
        })
    }
}

fn ledger_id(projection: Option<&str>, event: &Event) -> Result<String, Failure> {
    let id = event.id();
    in_ledger(projection, id).ok_or_else(|| {
        let bytes = id.as_str().len();
        let message = format!("the event id has {bytes} bytes, more than {MAX_ID_BYTES}");
        Failure::permanent(codes::ID_TOO_LONG, message)
    })
}

/// The id as the ledger has it; `None` where it is too long for it.
pub(crate) fn in_ledger(projection: Option<&str>, id: &EventId) -> Option<String> {
    let id = id.as_str();
    let fits = id.len() <= MAX_ID_BYTES;
    fits.then(|| projection.map_or_else(|| id.to_owned(), |name| format!("{name}:{id}")))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
