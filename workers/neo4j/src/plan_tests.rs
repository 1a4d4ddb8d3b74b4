use super::*;
use crate::mapping::Interactions;
use crate::statement::Statement;
use bytes::Bytes;
use fanout_contract::{EventBuilder, EventId, FollowUp};
use serde_json::json;

fn event(id: &str, kind: &str, payload: &serde_json::Value) -> Event {
    EventBuilder::new(EventId::new(id), kind, Bytes::from(payload.to_string())).build()
}

fn viewed(id: &str, product: i64) -> Event {
    event(id, "view", &json!({"user_id": 1, "product_id": product}))
}

fn plan(mapping: &dyn Mapping, events: Vec<Event>) -> Plan {
    Plan::new(
        mapping,
        None,
        &Batch::from_events(events).unwrap(),
        Timestamp::UNIX_EPOCH,
    )
}

fn words(outcomes: Outcomes) -> Vec<String> {
    let word = |outcome| match outcome {
        Outcome::Applied(follow_ups) => format!("applied {}", follow_ups.len()),
        Outcome::Skipped(reason) => reason.as_str().to_owned(),
        Outcome::Failed(failure) => failure.code().to_string(),
    };
    outcomes.into_vec().into_iter().map(word).collect()
}

/// Answers everything with a follow-up.
struct Echo;

impl Mapping for Echo {
    fn statements(&self) -> &[Statement] {
        Interactions.statements()
    }

    fn map(&self, event: &Event, _now: Timestamp) -> Mapped {
        let row = vec![event.id().as_str().into()];
        Effect::new()
            .row(5, row)
            .follow_up(FollowUp::new("echo", json!(1)))
            .into()
    }
}

/// Gives a row for a statement that is not there.
struct Lost;

impl Mapping for Lost {
    fn statements(&self) -> &[Statement] {
        &[]
    }

    fn map(&self, _event: &Event, _now: Timestamp) -> Mapped {
        Effect::new().row(0, Vec::new()).into()
    }
}

#[test]
fn an_id_is_entered_once_and_its_repeats_are_duplicates() {
    let plan = plan(
        &Interactions,
        vec![viewed("a", 1), viewed("b", 1), viewed("a", 1)],
    );
    assert_eq!(plan.ledger_keys().len(), 2);
    assert!(plan.conflicts.is_empty());
    assert_eq!(plan.rows(6, &Repeated::new())[0].len(), 2);
    let outcomes = plan.settle(Repeated::new(), &HashMap::new());
    assert_eq!(words(outcomes), ["applied 0", "applied 0", "duplicate"]);
}

#[test]
fn an_id_with_another_body_is_reported() {
    let plan = plan(&Interactions, vec![viewed("a", 1), viewed("a", 2)]);
    assert_eq!(plan.conflicts, ["a"]);
}

#[test]
fn a_bad_event_does_not_take_its_id_from_a_good_one() {
    let bad = event("a", "view", &json!({}));
    let outcomes =
        plan(&Interactions, vec![bad, viewed("a", 1)]).settle(Repeated::new(), &HashMap::new());
    assert_eq!(words(outcomes), ["payload-invalid", "applied 0"]);
}

#[test]
fn what_was_applied_before_writes_no_rows_and_answers_what_it_answered() {
    let plan = plan(&Echo, vec![viewed("a", 1), viewed("b", 1), viewed("a", 1)]);
    let stored = vec![
        FollowUp::new("stored", json!(1)),
        FollowUp::new("stored", json!(2)),
    ];
    let repeated = Repeated::from([(0, stored)]);
    assert_eq!(plan.rows(6, &repeated)[5].len(), 1);
    let outcomes = plan.settle(repeated, &HashMap::new());
    assert_eq!(words(outcomes), ["applied 2", "applied 1", "applied 2"]);
}

#[test]
fn an_event_whose_rows_all_gave_way_is_older() {
    let older = HashMap::from([(0, 1)]);
    let outcomes = plan(&Interactions, vec![viewed("a", 1)]).settle(Repeated::new(), &older);
    assert_eq!(words(outcomes), ["older-version"]);
    // unless follow-ups were stored for it: a repeat would publish them
    let outcomes = plan(&Echo, vec![viewed("a", 1)]).settle(Repeated::new(), &older);
    assert_eq!(words(outcomes), ["applied 1"]);
}

#[test]
fn ledger_keys_are_sorted_and_bear_the_projections_name() {
    let batch = Batch::from_events(vec![viewed("b", 1), viewed("a", 1)]).unwrap();
    let plan = Plan::new(&Interactions, Some("shop"), &batch, Timestamp::UNIX_EPOCH);
    let ids: Vec<_> = plan
        .ledger_keys()
        .into_iter()
        .map(|key| (key.id, key.entry))
        .collect();
    assert_eq!(ids, [("shop:a".to_owned(), 1), ("shop:b".to_owned(), 0)]);
}

#[test]
fn an_event_id_that_no_index_holds_is_permanent() {
    let outcomes = plan(
        &Interactions,
        vec![viewed(&"x".repeat(MAX_ID_BYTES + 1), 1)],
    )
    .outcomes;
    assert_eq!(words(outcomes), ["neo4j-id-too-long"]);
}

#[test]
fn a_row_for_an_unknown_statement_is_the_mappings_fault() {
    assert_eq!(
        words(plan(&Lost, vec![viewed("a", 1)]).outcomes),
        ["neo4j-mapping"]
    );
}
