//! What a check looks at, and where it writes.

use std::collections::BTreeMap;

use super::facts::{AmqpFacts, Asked, BrokerFacts, Management, ManagementFacts};
use super::{Area, Finding, Gap, Kinds};
use crate::config::Config;
use crate::topology::Topology;

/// What is configured, and what the broker said.
pub(super) struct Case<'a> {
    pub(super) config: &'a Config,
    pub(super) kinds: &'a BTreeMap<String, Kinds>,
    pub(super) topology: Topology,
    pub(super) broker: &'a BrokerFacts,
}

impl<'a> Case<'a> {
    pub(super) fn new(
        config: &'a Config,
        kinds: &'a BTreeMap<String, Kinds>,
        broker: &'a BrokerFacts,
    ) -> Self {
        Self {
            config,
            kinds,
            topology: Topology::from_config(config),
            broker,
        }
    }

    /// What the management API said, where it did.
    pub(super) fn management(&self) -> Option<&'a ManagementFacts> {
        match &self.broker.management {
            Management::Asked(facts) => Some(facts),
            Management::NotConfigured | Management::Absent(_) => None,
        }
    }

    pub(super) fn amqp(&self) -> Option<&'a AmqpFacts> {
        self.broker.amqp.as_ref()
    }

    /// Whether a queue of the topology exists; `None` = nobody could tell.
    pub(super) fn exists(&self, queue: &str) -> Option<bool> {
        if let Some(depth) = self.amqp().and_then(|amqp| amqp.queues.get(queue)) {
            return Some(depth.is_some());
        }
        let facts = self.management()?;
        facts.queues.is_ok().then(|| facts.queue(queue).is_some())
    }

    /// Messages in a queue: the live figure, or that of the last statistics.
    pub(super) fn messages(&self, queue: &str) -> Option<u64> {
        let live = self.amqp().and_then(|amqp| amqp.queues.get(queue).copied());
        let live = live.flatten().map(|depth| depth.ready);
        let known = self
            .management()
            .and_then(|facts| facts.queue(queue)?.holds());
        live.max(known)
    }

    /// Consumers of a queue.
    pub(super) fn consumers(&self, queue: &str) -> Option<u64> {
        let live = self.amqp().and_then(|amqp| amqp.queues.get(queue).copied());
        let live = live.flatten().map(|depth| depth.consumers.into());
        live.or_else(|| self.management()?.queue(queue)?.consumers)
    }
}

/// Where findings and gaps are noted.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) findings: Vec<Finding>,
    pub(super) gaps: Vec<Gap>,
}

impl Notes {
    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) fn gap(&mut self, area: Area, what: impl Into<String>, mend: impl Into<String>) {
        let gap = Gap::new(area, what, mend);
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// The answer; without one, a gap that says what was not looked at for it.
    pub(super) fn answer<'a, T>(
        &mut self,
        area: Area,
        what: &str,
        asked: &'a Asked<T>,
    ) -> Option<&'a T> {
        match asked {
            Ok(answer) => Some(answer),
            Err(problem) => {
                self.gap(
                    area,
                    format!("{what}: {problem}"),
                    "give the user of the management API the tags monitoring and policymaker; \
                     permissions are for an administrator to see",
                );
                None
            }
        }
    }
}
