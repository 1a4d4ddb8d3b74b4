//! What became of the lines of an input.

use serde::Serialize;

/// Problems kept with their text; beyond, they are only counted. Keeps the memory bounded
/// where every line of a huge file is bad.
const KEPT: usize = 1000;

/// A line that is not known to be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Counted from 1.
    pub line: u64,
    /// Stable code.
    pub code: String,
    /// Why, for people.
    pub reason: String,
}

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Confirmed by the broker.
    pub published: u64,
    /// Lines that cannot be published as they stand.
    pub refused: u64,
    /// The first 1,000 of them, by line.
    pub refusals: Vec<Problem>,
    /// Lines given up; they may be published later.
    pub failed: u64,
    /// The first 1,000 of them, by line.
    pub failures: Vec<Problem>,
    /// The reader had nothing more to hand out.
    pub ended: bool,
    /// The run was stopped before that.
    pub interrupted: bool,
    first_failed: Option<u64>,
    last_taken: u64,
}

impl Tally {
    /// The line to go on with, where not all was tried; everything before it is settled.
    pub fn resume_from(&self) -> Option<u64> {
        self.first_failed
            .or_else(|| (!self.ended).then_some(self.last_taken + 1))
    }

    /// The line up to which all is settled, where `open` is the first one under way.
    pub(super) fn safe_line(&self, open: Option<&u64>) -> u64 {
        let next = [open.copied(), self.first_failed]
            .into_iter()
            .flatten()
            .min();
        next.map_or(self.last_taken, |next| next.saturating_sub(1))
    }

    /// Whether every line of the input is with the broker.
    pub fn is_complete(&self) -> bool {
        self.refused == 0 && self.resume_from().is_none()
    }

    pub(super) fn taken(&mut self, line: u64) {
        self.last_taken = self.last_taken.max(line);
    }

    pub(super) fn refused(&mut self, line: u64, code: &str, reason: &dyn std::fmt::Display) {
        self.refused += 1;
        keep(&mut self.refusals, line, code, reason);
    }

    pub(super) fn given_up(&mut self, line: u64, code: &str, reason: &dyn std::fmt::Display) {
        self.failed += 1;
        self.first_failed = Some(self.first_failed.map_or(line, |first| first.min(line)));
        keep(&mut self.failures, line, code, reason);
    }
}

fn keep(problems: &mut Vec<Problem>, line: u64, code: &str, reason: &dyn std::fmt::Display) {
    let place = problems.partition_point(|problem| problem.line < line);
    if place >= KEPT {
        return;
    }
    problems.truncate(KEPT - 1);
    let problem = Problem {
        line,
        code: code.to_owned(),
        reason: reason.to_string(),
    };
    problems.insert(place, problem);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_thousand_problems_are_kept_in_the_order_of_lines() {
        let mut tally = Tally::default();
        for line in (1..=3000).rev() {
            tally.refused(line, "body-not-utf8", &"x");
        }
        assert_eq!(tally.refused, 3000);
        let lines: Vec<_> = tally.refusals.iter().map(|p| p.line).collect();
        assert_eq!(lines, (1..=1000).collect::<Vec<_>>());
    }

    #[test]
    fn lines_are_safe_up_to_the_first_that_is_open_or_given_up() {
        let mut tally = Tally::default();
        assert_eq!(tally.safe_line(None), 0);
        tally.taken(9);
        assert_eq!(tally.safe_line(None), 9);
        assert_eq!(tally.safe_line(Some(&4)), 3);
        tally.given_up(3, "publish-timeout", &"x");
        assert_eq!(tally.safe_line(Some(&4)), 2);
        assert_eq!(tally.safe_line(None), 2);
    }

    #[test]
    fn resuming_starts_at_the_first_line_that_is_not_settled() {
        let mut tally = Tally::default();
        tally.taken(1);
        tally.taken(5);
        assert_eq!(tally.resume_from(), Some(6));
        tally.ended = true;
        assert_eq!(tally.resume_from(), None);
        tally.given_up(4, "publish-timeout", &"x");
        tally.given_up(2, "publish-timeout", &"x");
        assert_eq!(tally.resume_from(), Some(2));
    }
}
