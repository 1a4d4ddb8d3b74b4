//! What counts of a queue where arguments and policies say different things.
//!
//! RabbitMQ takes the lower of two numbers; of two texts, the argument.

use serde_json::Value;

use super::FoundQueue;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Argument,
    Policy,
}

impl FoundQueue {
    fn argument(&self, key: &str) -> Option<&Value> {
        self.arguments.get(format!("x-{key}"))
    }

    /// What a policy or operator policy says.
    pub(crate) fn policy_value(&self, key: &str) -> Option<&Value> {
        self.effective_policy_definition.get(key)
    }

    /// A number such as `message-ttl`, and where it comes from.
    pub(crate) fn number(&self, key: &str) -> Option<(i64, Source)> {
        let argument = self.argument(key).and_then(Value::as_i64);
        let policy = self.policy_value(key).and_then(Value::as_i64);
        match (argument, policy) {
            (Some(argument), Some(policy)) if policy < argument => Some((policy, Source::Policy)),
            (Some(argument), _) => Some((argument, Source::Argument)),
            (None, Some(policy)) => Some((policy, Source::Policy)),
            (None, None) => None,
        }
    }

    /// A text such as `overflow`, and where it comes from.
    pub(crate) fn text(&self, key: &str) -> Option<(&str, Source)> {
        let argument = self.argument(key).and_then(Value::as_str);
        let policy = self.policy_value(key).and_then(Value::as_str);
        argument
            .map(|text| (text, Source::Argument))
            .or_else(|| policy.map(|text| (text, Source::Policy)))
    }

    /// Exchange and key that it dead-letters to; `None` without an exchange.
    pub(crate) fn dead_letter_route(&self) -> Option<(&str, Option<&str>)> {
        let (exchange, _) = self.text("dead-letter-exchange")?;
        let key = self.text("dead-letter-routing-key").map(|(key, _)| key);
        Some((exchange, key))
    }

    /// Names of the policies that apply, for people.
    pub(crate) fn policies(&self) -> String {
        let names = [&self.policy, &self.operator_policy];
        let names: Vec<_> = names.into_iter().flatten().map(String::as_str).collect();
        if names.is_empty() {
            "a policy".to_owned()
        } else {
            format!("policy {}", names.join(" and "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn queue(arguments: Value, policy: Value) -> FoundQueue {
        FoundQueue {
            arguments,
            effective_policy_definition: policy,
            ..FoundQueue::default()
        }
    }

    #[test]
    fn of_two_numbers_the_lower_one_counts_and_of_two_texts_the_argument() {
        let queue = queue(
            json!({"x-message-ttl": 500, "x-delivery-limit": 5, "x-overflow": "drop-head"}),
            json!({"message-ttl": 100, "delivery-limit": 9, "overflow": "reject-publish", "expires": 7}),
        );
        assert_eq!(queue.number("message-ttl"), Some((100, Source::Policy)));
        assert_eq!(queue.number("delivery-limit"), Some((5, Source::Argument)));
        assert_eq!(queue.number("expires"), Some((7, Source::Policy)));
        assert_eq!(queue.number("max-length"), None);
        assert_eq!(
            queue.text("overflow"),
            Some(("drop-head", Source::Argument))
        );
    }

    #[test]
    fn an_empty_policy_comes_as_a_list() {
        let queue = queue(json!({}), json!([]));
        assert_eq!(queue.policy_value("message-ttl"), None);
        assert_eq!(queue.dead_letter_route(), None);
    }
}
