//! What the servers say, before anybody judges it.
//!
//! `amqp` asks the broker itself, `management` its HTTP API. Everything has a deadline, and
//! what cannot be asked is kept as such.

mod amqp;
mod effective;
mod management;
mod policy;
mod server;

pub(super) use effective::Source;
pub(super) use server::{
    Binding, Connection, Consumer, Exchange, FeatureFlag, FoundQueue, Node, Overview, Permission,
    User,
};

use std::collections::BTreeMap;

use crate::broker::{BrokerError, QueueDepth};
use crate::config::Config;
use crate::topology::Topology;

/// What is known of the broker.
#[derive(Debug)]
pub(super) struct BrokerFacts {
    /// What each configured URL answered, in order.
    pub(super) urls: Vec<Reached>,
    /// Seen over AMQP; `None` where no URL answers.
    pub(super) amqp: Option<AmqpFacts>,
    pub(super) management: Management,
}

/// One URL of the broker.
#[derive(Debug)]
pub(super) struct Reached {
    /// Password masked.
    pub(super) url: String,
    pub(super) problem: Option<BrokerError>,
}

/// What AMQP alone tells.
#[derive(Debug, Default)]
pub(super) struct AmqpFacts {
    /// Depth of each queue of the topology; `None` where it does not exist.
    pub(super) queues: BTreeMap<String, Option<QueueDepth>>,
    /// Queues and exchanges that a declaration would be refused for, with the refusal. Only
    /// asked where the management API is not there to tell.
    pub(super) refusals: Vec<(String, BrokerError)>,
}

/// Whether there is a management API.
#[derive(Debug)]
pub(super) enum Management {
    NotConfigured,
    /// Why it does not answer.
    Absent(String),
    Asked(Box<ManagementFacts>),
}

/// An answer, or why there is none: the user may not ask, or the API is too old.
pub(super) type Asked<T> = Result<T, String>;

/// What the management API tells of our vhost.
#[derive(Debug)]
pub(super) struct ManagementFacts {
    pub(super) overview: Asked<Overview>,
    /// Seconds that the server's clock is ahead of ours.
    pub(super) clock: Option<i64>,
    pub(super) nodes: Asked<Vec<Node>>,
    pub(super) flags: Asked<Vec<FeatureFlag>>,
    pub(super) queues: Asked<Vec<FoundQueue>>,
    /// Whether policies are known as of now, and not as of the last statistics.
    pub(super) policies: Asked<()>,
    pub(super) exchanges: Asked<Vec<Exchange>>,
    pub(super) bindings: Asked<Vec<Binding>>,
    pub(super) consumers: Asked<Vec<Consumer>>,
    pub(super) connections: Asked<Vec<Connection>>,
    /// The user of the first AMQP URL.
    pub(super) user: Asked<User>,
    pub(super) permission: Asked<Permission>,
    /// When the message at the head was published, Unix seconds, of the queues that were
    /// looked into.
    pub(super) heads: BTreeMap<String, i64>,
}

impl Default for ManagementFacts {
    fn default() -> Self {
        let unasked = || "not asked".to_owned();
        Self {
            overview: Err(unasked()),
            clock: None,
            nodes: Err(unasked()),
            flags: Err(unasked()),
            queues: Err(unasked()),
            policies: Ok(()),
            exchanges: Err(unasked()),
            bindings: Err(unasked()),
            consumers: Err(unasked()),
            connections: Err(unasked()),
            user: Err(unasked()),
            permission: Err(unasked()),
            heads: BTreeMap::new(),
        }
    }
}

impl ManagementFacts {
    /// The queue of this name, where it is known to exist.
    pub(super) fn queue(&self, name: &str) -> Option<&FoundQueue> {
        let queues = self.queues.as_ref().ok()?;
        queues.iter().find(|queue| queue.name == name)
    }
}

impl BrokerFacts {
    /// Asks the broker, both ways at once.
    pub(super) async fn fetch(config: &Config) -> Self {
        let topology = Topology::from_config(config);
        let (urls, management) = tokio::join!(
            amqp::reach(&config.broker),
            management::fetch(config, &topology)
        );
        let first = urls.iter().position(|reached| reached.problem.is_none());
        let amqp = match first.and_then(|index| config.broker.urls.get(index)) {
            Some(url) => {
                let all = matches!(management, Management::Asked(_));
                Some(amqp::fetch(config, url, &topology, !all).await)
            }
            None => None,
        };
        Self {
            urls,
            amqp,
            management,
        }
    }
}
