//! Which queues a message goes to: fanout, topic patterns, the default exchange.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::broker::{HeaderValue, Message};
use crate::config::ExchangeKind;
use crate::topology::{Topology, pattern as topic_pattern};

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
                || keys.iter().any(|key| topic_pattern::matches(pattern, key))
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
