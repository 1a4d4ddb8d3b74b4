//! What a batch is going to change: pure, made before any server is asked.

use fanout_contract::{Batch, Event, Outcome, Outcomes, SkipReason};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};

use crate::config::Weights;
use crate::id::Id;
use crate::mapping::{Change, Interaction, Mapped, ProductState, map};

/// What a batch is going to change, and the verdicts that need no server.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) outcomes: Outcomes,
    pub(crate) interactions: Vec<(usize, Interaction)>,
    pub(crate) products: Vec<(usize, ProductState)>,
    pub(crate) deleted: Vec<(usize, Id)>,
    /// Slots of repeats, with the slot of the first event of that id.
    repeats: Vec<(usize, usize)>,
    /// Events whose time was clamped.
    pub(crate) clamped: usize,
    /// Ids that stood in the batch with another body.
    pub(crate) conflicts: Vec<String>,
}

impl Plan {
    /// Maps every event; of those with one id the first counts.
    pub(crate) fn new(batch: &Batch, weights: &Weights, now: Timestamp) -> Self {
        let mut plan = Self {
            outcomes: Outcomes::unsettled(batch),
            interactions: Vec::new(),
            products: Vec::new(),
            deleted: Vec::new(),
            repeats: Vec::new(),
            clamped: 0,
            conflicts: Vec::new(),
        };
        let mut first: HashMap<&str, (usize, &Event)> = HashMap::with_capacity(batch.len());
        for (slot, event) in batch.iter() {
            let change = match map(event, weights, now) {
                Mapped::Skip(reason) => {
                    plan.outcomes.skipped(slot, reason);
                    continue;
                }
                Mapped::Fail(failure) => {
                    plan.outcomes.failed(slot, failure);
                    continue;
                }
                Mapped::Change(change) => change,
            };
            if let Some((original_slot, original)) = first.get(event.id().as_str()) {
                plan.repeats.push((slot, *original_slot));
                if (original.kind(), original.payload()) != (event.kind(), event.payload()) {
                    plan.conflicts.push(event.id().as_str().to_owned());
                }
                continue;
            }
            first.insert(event.id().as_str(), (slot, event));
            plan.add(slot, change);
        }
        plan.without_deleted_users();
        plan
    }

    /// Tells of what was taken otherwise than it was given.
    pub(crate) fn report(&self) {
        if self.clamped > 0 {
            let events = self.clamped;
            tracing::warn!(
                target: "fanout_qdrant",
                events,
                "event times beyond tomorrow count as tomorrow"
            );
        }
        for id in &self.conflicts {
            tracing::warn!(
                target: "fanout_qdrant",
                { event.id = id, code = "id-conflict" },
                "one id with two bodies; the first counts"
            );
        }
    }

    fn add(&mut self, slot: usize, change: Change) {
        match change {
            Change::Interaction(interaction) => {
                self.clamped += usize::from(interaction.when.clamped);
                self.interactions.push((slot, interaction));
            }
            Change::Product(state) => {
                self.clamped += usize::from(state.clamped);
                self.products.push((slot, state));
            }
            Change::UserDeleted(user) => self.deleted.push((slot, user)),
        }
    }

    /// The end of a user is final, so that what stands beside it in a batch is older.
    fn without_deleted_users(&mut self) {
        let deleted: HashSet<&Id> = self.deleted.iter().map(|(_, user)| user).collect();
        let outcomes = &mut self.outcomes;
        self.interactions.retain(|(slot, interaction)| {
            let gone = deleted.contains(&interaction.user);
            if gone {
                outcomes.skipped(*slot, SkipReason::OlderVersion);
            }
            !gone
        });
    }

    /// The verdicts, those of repeats too.
    pub(crate) fn settle(mut self) -> Outcomes {
        for (slot, original) in self.repeats {
            match self.outcomes.get(original).cloned() {
                Some(Outcome::Failed(failure)) => self.outcomes.failed(slot, failure),
                Some(_) => self.outcomes.skipped(slot, SkipReason::Duplicate),
                None => {}
            }
        }
        self.outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use fanout_contract::{EventBuilder, EventId, Failure, codes as contract};
    use serde_json::json;

    fn event(id: &str, kind: &str, user: i64) -> Event {
        let payload = json!({"user_id": user, "product_id": 1}).to_string();
        EventBuilder::new(EventId::new(id), kind, Bytes::from(payload)).build()
    }

    fn plan(events: Vec<Event>) -> Plan {
        let batch = Batch::from_events(events).unwrap();
        Plan::new(&batch, &Weights::default(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn of_events_with_one_id_the_first_counts_and_another_body_is_reported() {
        let plan = plan(vec![
            event("a", "view", 1),
            event("a", "view", 1),
            event("a", "view", 2),
        ]);
        assert_eq!(plan.interactions.len(), 1);
        assert_eq!(plan.conflicts, ["a"]);
    }

    #[test]
    fn a_repeat_shares_the_verdict_of_its_first() {
        let mut good = plan(vec![event("a", "view", 1), event("a", "view", 1)]);
        good.outcomes.applied(0);
        let outcomes = good.settle().into_vec();
        assert!(matches!(
            outcomes[1],
            Outcome::Skipped(SkipReason::Duplicate)
        ));

        let mut bad = plan(vec![event("a", "view", 1), event("a", "view", 1)]);
        bad.outcomes
            .failed(0, Failure::unavailable(contract::CONTENTION, "x"));
        assert!(matches!(&bad.settle().into_vec()[1], Outcome::Failed(_)));
    }

    #[test]
    fn what_a_deleted_user_did_is_older_wherever_it_stands_in_the_batch() {
        let plan = plan(vec![
            event("a", "view", 1),
            event("b", "user.deleted", 1),
            event("c", "view", 1),
            event("d", "view", 2),
        ]);
        assert_eq!(plan.interactions.len(), 1);
        for slot in [0, 2] {
            let outcome = plan.outcomes.get(slot);
            assert!(matches!(
                outcome,
                Some(Outcome::Skipped(SkipReason::OlderVersion))
            ));
        }
    }
}
