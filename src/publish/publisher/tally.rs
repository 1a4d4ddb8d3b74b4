//! Outcomes counted between two reports: metrics are not touched for every message.

use crate::telemetry;

#[derive(Debug, Default)]
pub(super) struct Tally {
    confirmed: u64,
    drained: u64,
    spooled: u64,
    refused: Vec<(&'static str, u64)>,
    problems: Vec<(&'static str, u64)>,
}

impl Tally {
    /// Confirmed to a caller who waited.
    pub(super) fn confirmed(&mut self) {
        self.confirmed += 1;
    }

    /// Confirmed and gone from the spool.
    pub(super) fn drained(&mut self) {
        self.drained += 1;
    }

    pub(super) fn spooled(&mut self, messages: usize) {
        self.spooled += u64::try_from(messages).unwrap_or(u64::MAX);
    }

    /// Not accepted.
    pub(super) fn refused(&mut self, code: &'static str) {
        count(&mut self.refused, code);
    }

    /// Not taken by the broker; it is tried again or set aside.
    pub(super) fn problem(&mut self, code: &'static str) {
        count(&mut self.problems, code);
    }

    /// Hands the counts to the metrics.
    pub(super) fn report(&mut self) {
        let counts = std::mem::take(self);
        telemetry::sent(counts.confirmed + counts.drained);
        telemetry::accepted("confirmed", "", counts.confirmed);
        telemetry::accepted("spooled", "", counts.spooled);
        for (code, messages) in counts.refused {
            telemetry::accepted("refused", code, messages);
        }
        for (code, messages) in counts.problems {
            telemetry::not_taken(code, messages);
        }
    }
}

fn count(counts: &mut Vec<(&'static str, u64)>, code: &'static str) {
    match counts.iter_mut().find(|(known, _)| *known == code) {
        Some((_, number)) => *number += 1,
        None => counts.push((code, 1)),
    }
}
