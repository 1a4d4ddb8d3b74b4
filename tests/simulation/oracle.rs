//! Knows every event that was accepted, and says what is missing, extra or duplicated.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use fanout::broker::local::LocalServer;
use fanout::topology::names::headers;

use super::events::{Deed, Form, Spec, follow_up_token, token_in};
use super::store::Store;

/// Codes that faults alone can bring upon an event of any kind.
const CRASH_SUSPECT: &str = "crash-suspect";

/// What was published.
#[derive(Debug, Default)]
pub struct Oracle {
    /// Confirmed by the broker.
    pub accepted: BTreeMap<String, Spec>,
    /// Sent, with an unknown outcome.
    pub attempted: BTreeMap<String, Spec>,
}

/// Where everything is at one moment, by token.
#[derive(Debug, Default)]
pub struct Census {
    /// The queues that hold a copy, other than the dead-letter queue.
    pub queued: BTreeMap<String, Vec<String>>,
    /// Reason codes of the copies in the dead-letter queue.
    pub dead: BTreeMap<String, Vec<String>>,
    pub applied: BTreeMap<String, u32>,
    pub skipped: BTreeSet<String>,
    /// Follow-ups by the token of their source.
    pub follow_ups: BTreeMap<String, Vec<String>>,
    /// Messages without a token.
    pub strangers: u32,
}

/// Everything that is wrong.
#[derive(Debug, Default)]
pub struct Findings {
    pub missing: BTreeSet<String>,
    pub extra: BTreeSet<String>,
    pub applied_twice: BTreeSet<String>,
    pub wrong: BTreeMap<String, String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "missing: {:?}", self.missing)?;
        writeln!(f, "extra: {:?}", self.extra)?;
        writeln!(f, "applied more than once: {:?}", self.applied_twice)?;
        write!(f, "wrong: {:#?}", self.wrong)
    }
}

impl Findings {
    pub fn none(&self) -> bool {
        self.missing.is_empty()
            && self.extra.is_empty()
            && self.applied_twice.is_empty()
            && self.wrong.is_empty()
    }
}

impl Census {
    pub fn take(server: &LocalServer, store: &Store, dead_letters: &str) -> Self {
        let mut census = Self::default();
        // What stands in a pause queue is an operator's word, no event.
        let queues = server.queues().into_iter();
        for queue in queues.filter(|queue| !queue.ends_with(".pause")) {
            let contents = server.inspect(&queue).unwrap();
            for message in contents.messages() {
                let Some(token) = token_in(message) else {
                    census.strangers += 1;
                    continue;
                };
                if queue == dead_letters {
                    let reason = message.properties.headers.get(headers::REASON);
                    let reason = reason.and_then(|r| r.as_str()).unwrap_or("none");
                    census
                        .dead
                        .entry(token)
                        .or_default()
                        .push(reason.to_owned());
                } else {
                    census.queued.entry(token).or_default().push(queue.clone());
                }
            }
        }
        let store = store.inner();
        census.applied = store.effects.clone();
        census.skipped = store.skipped.clone();
        for row in store.ledger.values() {
            let tokens = (0..row.follow_ups.len()).map(|i| follow_up_token(&row.token, i));
            census
                .follow_ups
                .insert(row.token.clone(), tokens.collect());
        }
        census
    }

    fn holds(&self, token: &str) -> bool {
        self.queued.contains_key(token)
            || self.dead.contains_key(token)
            || self.applied.contains_key(token)
            || self.skipped.contains(token)
    }

    /// Dead letters of events that are also applied, and second copies of dead letters.
    pub fn duplicates(&self) -> usize {
        let applied = self.dead.keys().filter(|t| self.applied.contains_key(*t));
        let copies = self.dead.values().map(|reasons| reasons.len() - 1);
        applied.count() + copies.sum::<usize>()
    }
}

impl Oracle {
    /// Conservation: true at every moment, whatever is going wrong.
    pub fn conserved(&self, census: &Census) -> Findings {
        let mut findings = Findings::default();
        let missing = self.accepted.keys().filter(|t| !census.holds(t));
        findings.missing.extend(missing.cloned());
        // Follow-ups are due once their source is settled. A dead source can be replayed.
        for (source, follow_ups) in &census.follow_ups {
            let open = census.queued.contains_key(source) || census.dead.contains_key(source);
            let missing = follow_ups.iter().filter(|t| !open && !census.holds(t));
            findings.missing.extend(missing.cloned());
        }
        let twice = census.applied.iter().filter(|(_, times)| **times > 1);
        findings.applied_twice.extend(twice.map(|(t, _)| t.clone()));
        let known: BTreeSet<_> = self
            .accepted
            .keys()
            .chain(self.attempted.keys())
            .chain(census.follow_ups.values().flatten())
            .collect();
        let seen = census.queued.keys().chain(census.dead.keys());
        let seen = seen.chain(census.applied.keys()).chain(&census.skipped);
        let extra = seen.filter(|t| !known.contains(t));
        findings.extra.extend(extra.cloned());
        if census.strangers > 0 {
            findings
                .extra
                .insert(format!("{} without token", census.strangers));
        }
        findings
    }

    /// The end of the world: nothing is under way, and every event came to its own end.
    pub fn settled(&self, census: &Census, attempts: u32) -> Findings {
        let mut findings = self.conserved(census);
        for (token, queues) in &census.queued {
            let deed = self.accepted.get(token).map(|spec| spec.deed);
            let problem = format!("{deed:?} still in {queues:?}");
            findings.wrong.insert(token.clone(), problem);
        }
        for (token, spec) in &self.accepted {
            let queued = findings.wrong.contains_key(token);
            if let Some(problem) = end_of(spec, token, census, attempts).filter(|_| !queued) {
                let problem = format!("{problem} ({:?}, {:?})", spec.form, spec.deed);
                findings.wrong.insert(token.clone(), problem);
            }
        }
        findings
    }
}

fn end_of(spec: &Spec, token: &str, census: &Census, attempts: u32) -> Option<String> {
    let reasons = census.dead.get(token).cloned().unwrap_or_default();
    let applied = census.applied.contains_key(token);
    let suspected = reasons.iter().all(|r| r == CRASH_SUSPECT);
    let can_apply = spec.form != Form::Malformed && spec.deed.can_apply();
    if applied && !can_apply {
        return Some("applied, which it never can be".to_owned());
    }
    if reasons.iter().any(|r| r == "none") {
        return Some("dead-lettered without a reason".to_owned());
    }
    if spec.form == Form::Malformed || !can_apply && spec.deed != Deed::Skip {
        let suspect_only = suspected && !reasons.is_empty();
        let own = reasons.iter().any(|r| r != CRASH_SUSPECT);
        return (!own && !suspect_only).then(|| "not dead-lettered".to_owned());
    }
    let innocent = spec.deed.spends() < attempts;
    if innocent && !suspected {
        return Some(format!("dead-lettered as {reasons:?}"));
    }
    let done = applied || census.skipped.contains(token);
    (innocent && !done && reasons.is_empty()).then(|| "came to no end".to_owned())
}
