//! Which queues a message goes to: fanout, topic patterns, the default exchange.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::broker::{HeaderValue, Message};
use crate::config::ExchangeKind;
use crate::topology::Topology;

#[derive(Debug)]
struct Exchange {
    kind: ExchangeKind,
    bindings: Vec<(String, Arc<str>)>,
}

/// The exchanges and their bindings.
#[derive(Debug, Default)]
pub(super) struct Exchanges(BTreeMap<String, Exchange>);

impl Exchanges {
    pub(super) fn from_topology(topology: &Topology) -> Self {
        let mut exchanges = BTreeMap::new();
        for exchange in &topology.exchanges {
            let bindings = topology
                .bindings
                .iter()
                .filter(|b| b.exchange == exchange.name)
                .map(|b| (b.key.clone(), Arc::from(b.queue.as_str())))
                .collect();
            let kind = exchange.kind;
            exchanges.insert(exchange.name.clone(), Exchange { kind, bindings });
        }
        Self(exchanges)
    }

    /// The queues bound for one of these keys, each once; `None` where the exchange does
    /// not exist.
    pub(super) fn route(&self, exchange: &str, keys: &[&str]) -> Option<BTreeSet<Arc<str>>> {
        if exchange.is_empty() {
            return Some(keys.iter().map(|key| Arc::from(*key)).collect());
        }
        let exchange = self.0.get(exchange)?;
        let matches = |pattern: &str| {
            exchange.kind == ExchangeKind::Fanout
                || keys.iter().any(|key| topic_matches(pattern, key))
        };
        let bound = exchange.bindings.iter().filter(|(p, _)| matches(p));
        Some(bound.map(|(_, queue)| Arc::clone(queue)).collect())
    }
}

/// All keys a message is routed by: its own, and those in the headers CC and BCC.
pub(super) fn routing_keys(message: &Message) -> Vec<&str> {
    let copies = ["CC", "BCC"]
        .into_iter()
        .filter_map(|name| message.properties.headers.get(name))
        .flat_map(|value| match value {
            HeaderValue::List(keys) => keys.as_slice(),
            _ => &[],
        })
        .filter_map(HeaderValue::as_str);
    std::iter::once(message.routing_key.as_str())
        .chain(copies)
        .collect()
}

/// AMQP topic patterns: words parted by dots, `*` is one word, `#` is any number of them.
fn topic_matches(pattern: &str, key: &str) -> bool {
    let pattern: Vec<_> = pattern.split('.').collect();
    let key: Vec<_> = if key.is_empty() {
        Vec::new()
    } else {
        key.split('.').collect()
    };
    words_match(&pattern, &key)
}

fn words_match(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern.split_first(), key.split_first()) {
        (None, None) => true,
        (Some((&"#", rest)), None) => words_match(rest, key),
        (Some((&"#", rest)), Some((_, tail))) => {
            words_match(rest, key) || words_match(pattern, tail)
        }
        (Some((&"*", rest)), Some((_, tail))) => words_match(rest, tail),
        (Some((word, rest)), Some((head, tail))) => word == head && words_match(rest, tail),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::topic_matches;

    #[test]
    fn a_star_is_exactly_one_word() {
        assert!(topic_matches("*.created", "order.created"));
        assert!(!topic_matches("*.created", "shop.order.created"));
        assert!(!topic_matches("payment.*", "payment"));
        assert!(topic_matches("payment.*", "payment.settled"));
    }

    #[test]
    fn a_hash_is_any_number_of_words() {
        for key in ["", "a", "a.b", "a.b.c"] {
            assert!(topic_matches("#", key), "{key}");
        }
        assert!(topic_matches("a.#", "a"));
        assert!(topic_matches("a.#.z", "a.b.c.z"));
        assert!(topic_matches("#.z", "z"));
        assert!(!topic_matches("a.#.z", "a.b.c"));
        assert!(topic_matches("#.b.#", "a.b"));
    }
}
