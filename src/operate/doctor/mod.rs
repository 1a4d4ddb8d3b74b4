//! The doctor: looks at broker, configuration and environment, and says what is wrong, why it
//! matters and how to mend it.
//!
//! `facts` asks the servers; every check is a pure function over what they said. Destinations
//! are looked at by the packages that know them; their findings come in by
//! [`of_destination`].
//!
//! Invariant: what could not be looked at is a [`Gap`], never silence.

mod bindings;
mod broker;
mod case;
mod cluster;
mod configuration;
mod connections;
mod consumers;
mod destination;
mod environment;
mod exchanges;
mod facts;
mod files;
mod finding;
mod fix;
mod kinds;
mod permissions;
mod queues;
mod report;
#[cfg(test)]
mod tests;
mod waiting;

pub use destination::of_destination;
pub use finding::{Area, Check, Finding, Gap, Severity};
pub use fix::{Fix, Mended, mend};
pub use kinds::Kinds;
pub use report::Report;

use std::collections::{BTreeMap, BTreeSet};

use self::case::{Case, Notes};
use self::facts::BrokerFacts;
use crate::config::{Config, UseRabbitmq};

/// What is to be looked at.
#[derive(Clone, Debug)]
pub struct Examination<'a> {
    /// The configuration, valid.
    pub config: &'a Config,
    /// The environment that it was loaded from.
    pub env: &'a BTreeMap<String, String>,
    /// The files that it was loaded from and that may hold secrets.
    pub files: &'a [std::path::PathBuf],
    /// The kinds of events that processors know, by the name of the processor.
    pub kinds: &'a BTreeMap<String, Kinds>,
    /// Areas to look at; none = all.
    pub areas: &'a BTreeSet<Area>,
}

impl Examination<'_> {
    /// Whether this area is looked at.
    pub fn includes(&self, area: Area) -> bool {
        self.areas.is_empty() || self.areas.contains(&area)
    }

    /// Looks at everything but the destinations. Takes at most the deadlines of the broker's
    /// calls, also where nothing answers.
    pub async fn run(&self) -> Report {
        let mut notes = Notes::default();
        let at_the_broker = |area: &Area| area.needs_broker() && self.includes(*area);
        if self.config.broker.use_rabbitmq == UseRabbitmq::False {
            notes.gap(
                Area::Broker,
                "RabbitMQ: events do not go through it (USE_RABBITMQ=false)",
                "USE_RABBITMQ=true",
            );
        } else if Area::ALL.iter().any(at_the_broker) {
            let facts = BrokerFacts::fetch(self.config).await;
            judge(&Case::new(self.config, self.kinds, &facts), &mut notes);
        }
        configuration::check(self.config, &mut notes);
        connections::check(self.config, &mut notes);
        environment::check(self.config, self.env, &mut notes);
        files::check(self, &mut notes);
        let mut report = Report::default();
        report.extend(notes.findings, notes.gaps);
        report.only(self.areas)
    }
}

/// All checks of what the broker said.
fn judge(case: &Case<'_>, notes: &mut Notes) {
    broker::check(case, notes);
    cluster::check(case, notes);
    exchanges::check(case, notes);
    queues::check(case, notes);
    bindings::check(case, notes);
    kinds::check(case, notes);
    consumers::check(case, notes);
    waiting::check(case, notes);
    permissions::check(case, notes);
}

/// Every check of this library, in the order of the report.
pub fn checks() -> Vec<Check> {
    [
        broker::CHECKS,
        cluster::CHECKS,
        exchanges::CHECKS,
        bindings::CHECKS,
        kinds::CHECKS,
        consumers::CHECKS,
        waiting::CHECKS,
        permissions::CHECKS,
        configuration::CHECKS,
        connections::CHECKS,
        environment::CHECKS,
        files::CHECKS,
    ]
    .concat()
    .into_iter()
    .chain(queues::checks())
    .collect()
}
