//! Which policies apply to a queue. The statistics tell it too, but of an idle queue only what
//! applied when it was last busy.

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::FoundQueue;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Policy {
    name: String,
    pattern: String,
    #[serde(rename = "apply-to")]
    apply_to: String,
    definition: Map<String, Value>,
    priority: i64,
}

impl Policy {
    /// RabbitMQ looks for the pattern anywhere in the name.
    fn applies(&self, queue: &FoundQueue) -> bool {
        let kind = match self.apply_to.as_str() {
            "all" | "queues" => true,
            "classic_queues" => queue.kind == "classic",
            "quorum_queues" => queue.kind == "quorum",
            _ => false,
        };
        kind && Regex::new(&self.pattern).is_ok_and(|regex| regex.is_match(&queue.name))
    }
}

/// Of several that match, the one of the highest priority applies, alone.
fn of<'a>(policies: &'a [Policy], queue: &FoundQueue) -> Option<&'a Policy> {
    let matching = policies.iter().filter(|policy| policy.applies(queue));
    matching.max_by_key(|policy| policy.priority)
}

/// Notes what applies to the queue. Of what a policy and an operator policy both say, the lower
/// number counts, else what the operator says.
pub(super) fn apply(queue: &mut FoundQueue, policies: &[Policy], operator: &[Policy]) {
    let (policy, operator) = (of(policies, queue), of(operator, queue));
    let mut effective = policy.map_or_else(Map::new, |policy| policy.definition.clone());
    for (key, value) in operator.into_iter().flat_map(|policy| &policy.definition) {
        let lower = match (effective.get(key).and_then(Value::as_i64), value.as_i64()) {
            (Some(ours), Some(theirs)) => ours.min(theirs).into(),
            _ => value.clone(),
        };
        effective.insert(key.clone(), lower);
    }
    queue.policy = policy.map(|policy| policy.name.clone());
    queue.operator_policy = operator.map(|policy| policy.name.clone());
    queue.effective_policy_definition = Value::Object(effective);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policies(text: Value) -> Vec<Policy> {
        serde_json::from_value(text).unwrap()
    }

    fn queue() -> FoundQueue {
        FoundQueue {
            name: "events.neo4j".to_owned(),
            kind: "quorum".to_owned(),
            ..FoundQueue::default()
        }
    }

    #[test]
    fn the_policy_of_the_highest_priority_that_matches_applies_alone() {
        let policies = policies(json!([
            {"name": "low", "pattern": "neo4j", "apply-to": "all", "priority": 0,
             "definition": {"message-ttl": 5}},
            {"name": "high", "pattern": "^events", "apply-to": "queues", "priority": 1,
             "definition": {"max-length": 7}},
            {"name": "classic", "pattern": "", "apply-to": "classic_queues", "priority": 9,
             "definition": {"expires": 1}},
            {"name": "exchanges", "pattern": "", "apply-to": "exchanges", "priority": 9,
             "definition": {"expires": 1}},
            {"name": "other", "pattern": "^other", "apply-to": "all", "priority": 9,
             "definition": {"expires": 1}},
        ]));
        let mut queue = queue();
        apply(&mut queue, &policies, &[]);
        assert_eq!(queue.policy.as_deref(), Some("high"));
        assert_eq!(queue.effective_policy_definition, json!({"max-length": 7}));
    }

    #[test]
    fn of_policy_and_operator_policy_the_lower_number_counts() {
        let one = |name: &str, definition: Value| {
            policies(json!([{
                "name": name, "pattern": ".*", "apply-to": "quorum_queues", "priority": 0,
                "definition": definition,
            }]))
        };
        let mut queue = queue();
        let theirs = one("op", json!({"message-ttl": 9, "max-length": 1}));
        let ours = one("p", json!({"message-ttl": 5, "max-length": 3}));
        apply(&mut queue, &ours, &theirs);
        assert_eq!(queue.policies(), "policy p and op");
        assert_eq!(
            queue.effective_policy_definition,
            json!({"message-ttl": 5, "max-length": 1})
        );
    }
}
