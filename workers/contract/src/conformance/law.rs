//! The laws by name, and what a check says about one.

use std::fmt;

/// A law of the contract. Law 0 is about the harness itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Law {
    /// Law 0: the harness keeps its own promises.
    Harness,
    /// The same event twice has its effect once.
    L1Idempotent,
    /// One outcome for every event of the batch.
    L2Complete,
    /// Applied only after the destination has confirmed.
    L3Honest,
    /// An older event that arrives late does not undo a newer one.
    L4OrderTolerant,
    /// A bad event does not change its neighbours' outcome.
    L5Independent,
    /// Dropped at any await, a repeat converges.
    L6CancelSafe,
    /// A call returns within its deadline, without a hidden retry loop.
    L7Bounded,
    /// Outage, bad data and conflict get their class.
    L8Classed,
    /// No payload makes it panic.
    L9Mute,
    /// The same event yields the same follow-ups.
    L10Repeatable,
    /// What was applied is told as applied, and nothing else is.
    L11Traceable,
}

impl Law {
    /// Every law, the harness first.
    pub const ALL: [Self; 12] = [
        Self::Harness,
        Self::L1Idempotent,
        Self::L2Complete,
        Self::L3Honest,
        Self::L4OrderTolerant,
        Self::L5Independent,
        Self::L6CancelSafe,
        Self::L7Bounded,
        Self::L8Classed,
        Self::L9Mute,
        Self::L10Repeatable,
        Self::L11Traceable,
    ];

    /// Its number; 0 for the harness.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The name of its check, such as `l1_idempotent`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Harness => "harness_is_sound",
            Self::L1Idempotent => "l1_idempotent",
            Self::L2Complete => "l2_complete",
            Self::L3Honest => "l3_honest",
            Self::L4OrderTolerant => "l4_order_tolerant",
            Self::L5Independent => "l5_independent",
            Self::L6CancelSafe => "l6_cancel_safe",
            Self::L7Bounded => "l7_bounded",
            Self::L8Classed => "l8_classed",
            Self::L9Mute => "l9_mute",
            Self::L10Repeatable => "l10_repeatable",
            Self::L11Traceable => "l11_traceable",
        }
    }

    /// The law in a sentence.
    pub fn text(self) -> &'static str {
        match self {
            Self::Harness => "the harness keeps its own promises",
            Self::L1Idempotent => "the same event twice has its effect once",
            Self::L2Complete => "one outcome for every event of the batch",
            Self::L3Honest => "applied only after the destination has confirmed",
            Self::L4OrderTolerant => "an older event that arrives late does not undo a newer one",
            Self::L5Independent => "a bad event does not change its neighbours' outcome",
            Self::L6CancelSafe => "dropped at any await, a repeat converges",
            Self::L7Bounded => "a call returns within its deadline, without a hidden retry loop",
            Self::L8Classed => "outage, bad data and conflict get their class",
            Self::L9Mute => "no payload makes it panic",
            Self::L10Repeatable => "the same event yields the same follow-ups",
            Self::L11Traceable => "what was applied is told as applied, and nothing else is",
        }
    }
}

/// A law that does not hold, and what was seen.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} does not hold ({}): {what}", law.name(), law.text())]
pub struct LawViolation {
    /// The law.
    pub law: Law,
    /// What was done and what was seen instead of what the law asks.
    pub what: String,
}

/// As it is displayed: a test that returns it prints this form.
impl fmt::Debug for LawViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A law that holds, as far as the target let the suite look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The law.
    pub law: Law,
    /// What was checked.
    pub exercised: Vec<&'static str>,
    /// What was not, with the reason the harness gives.
    pub not_exercised: Vec<(&'static str, &'static str)>,
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} holds", self.law.name())?;
        for check in &self.exercised {
            write!(f, "\n  checked: {check}")?;
        }
        for (check, reason) in &self.not_exercised {
            write!(f, "\n  NOT EXERCISED: {check} ({reason})")?;
        }
        Ok(())
    }
}

/// The verdict on every law.
#[derive(Clone, Debug)]
pub struct Report {
    /// In the order of [`Law::ALL`].
    pub laws: Vec<Result<Passed, LawViolation>>,
}

impl Report {
    /// The violated laws.
    pub fn violations(&self) -> impl Iterator<Item = &LawViolation> {
        self.laws
            .iter()
            .filter_map(|verdict| verdict.as_ref().err())
    }

    /// What no law could look at, with the harness's reason.
    pub fn not_exercised(&self) -> impl Iterator<Item = (Law, &'static str, &'static str)> {
        self.laws.iter().flatten().flat_map(|passed| {
            passed
                .not_exercised
                .iter()
                .map(|(check, reason)| (passed.law, *check, *reason))
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for verdict in &self.laws {
            match verdict {
                Ok(passed) => writeln!(f, "{passed}")?,
                Err(violation) => writeln!(f, "{violation}")?,
            }
        }
        Ok(())
    }
}
