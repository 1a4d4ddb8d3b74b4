//! What a replay has done.

use std::collections::BTreeMap;

use serde::Serialize;

use super::canary::CanaryStep;

/// Dead letters of one origin and reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// The queue they go to.
    pub queue: String,
    /// Their reason code.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// Why it ended before its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "why", content = "detail")]
pub enum Stop {
    /// It was asked to stop.
    Asked,
    /// The canary: some came back, or were not settled in time.
    Canary(String),
    /// The broker was lost, or takes nothing more.
    Broker(String),
}

/// What a replay has done, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// Id of this run: the header `fanout-replay` of what it published.
    pub run: String,
    /// Nothing was changed.
    pub dry_run: bool,
    /// Dead letters read.
    pub looked_at: u64,
    /// Replayed, redirected or purged; in a dry run, those that would be.
    pub done: u64,
    /// The same by queue and reason.
    pub by: Vec<Replayed>,
    /// Selected and left, by why: `unknown-origin`, `already-applied`, `came-back`.
    pub left: BTreeMap<&'static str, u64>,
    /// Not published, by reason code; they stay.
    pub failed: BTreeMap<&'static str, u64>,
    /// Why it ended early.
    pub stopped: Option<Stop>,
    /// Somebody else held some of them, so that they could not be read.
    pub incomplete: bool,
    /// Steps of the canary.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<CanaryStep>,
}

impl ReplayReport {
    pub(super) fn count(&mut self, queue: &str, reason: &str) {
        self.done += 1;
        let same = |row: &&mut Replayed| row.queue == queue && row.reason == reason;
        match self.by.iter_mut().find(same) {
            Some(row) => row.count += 1,
            None => self.by.push(Replayed {
                queue: queue.to_owned(),
                reason: reason.to_owned(),
                count: 1,
            }),
        }
    }

    pub(super) fn leave(&mut self, why: &'static str) {
        *self.left.entry(why).or_default() += 1;
    }

    /// Adds what another pass of the same run has done.
    pub(super) fn add(&mut self, pass: Self) {
        self.looked_at += pass.looked_at;
        self.done += pass.done;
        self.incomplete |= pass.incomplete;
        self.stopped = self.stopped.take().or(pass.stopped);
        for row in pass.by {
            let same = |r: &&mut Replayed| r.queue == row.queue && r.reason == row.reason;
            match self.by.iter_mut().find(same) {
                Some(known) => known.count += row.count,
                None => self.by.push(row),
            }
        }
        // A later pass sees what an earlier one has left again.
        for (why, count) in pass.left {
            let left = self.left.entry(why).or_default();
            *left = count.max(*left);
        }
        for (code, count) in pass.failed {
            *self.failed.entry(code).or_default() += count;
        }
    }

    /// For the audit log.
    pub fn result(&self) -> String {
        match &self.stopped {
            None => "done".to_owned(),
            Some(Stop::Asked) => "stopped: asked to".to_owned(),
            Some(Stop::Canary(why)) => format!("stopped by the canary: {why}"),
            Some(Stop::Broker(why)) => format!("stopped by the broker: {why}"),
        }
    }
}
