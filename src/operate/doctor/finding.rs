//! What a check is, and what it found.

use std::fmt;

pub use fanout_contract::diagnosis::Severity;
use serde::{Serialize, Serializer};

use super::Fix;

/// What a finding is about, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// The server: reachable, version, alarms, clock, nodes.
    Broker,
    /// Exchanges and queues: there, of the right make, not overruled.
    Queues,
    /// Bindings, and the kinds of events that they let through.
    Bindings,
    /// Who consumes, and what waits.
    Consumers,
    /// What the user may do.
    Permissions,
    /// The databases that events are projected into.
    Destinations,
    /// Settings that go badly together.
    Configuration,
    /// The process: variables, files, folders.
    Environment,
}

impl Area {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Broker,
        Self::Queues,
        Self::Bindings,
        Self::Consumers,
        Self::Permissions,
        Self::Destinations,
        Self::Configuration,
        Self::Environment,
    ];

    /// Stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Queues => "queues",
            Self::Bindings => "bindings",
            Self::Consumers => "consumers",
            Self::Permissions => "permissions",
            Self::Destinations => "destinations",
            Self::Configuration => "configuration",
            Self::Environment => "environment",
        }
    }

    /// Whether its facts come from the broker.
    pub(super) fn needs_broker(self) -> bool {
        !matches!(
            self,
            Self::Destinations | Self::Configuration | Self::Environment
        )
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that is looked at. Its id is stable and stands in `docs/doctor.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Kebab-case.
    pub id: &'static str,
    /// Where it belongs.
    pub area: Area,
    /// How bad a finding usually is.
    pub severity: Severity,
    /// Why it matters: one sentence for the operator.
    pub why: &'static str,
}

impl Check {
    /// A finding of the usual severity.
    pub(super) fn found(
        &self,
        subject: impl Into<String>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        Finding {
            severity: self.severity,
            area: self.area,
            check: self.id,
            subject: subject.into(),
            what: what.into(),
            why: self.why,
            mend: mend.into(),
            fix: None,
        }
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub area: Area,
    /// Id of the check, kebab-case and stable.
    pub check: &'static str,
    /// The queue, setting or server.
    pub subject: String,
    /// What was found: a sentence without full stop.
    pub what: String,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub mend: String,
    /// What `--fix` would do; nothing where a person has to decide.
    #[serde(serialize_with = "as_text")]
    pub fix: Option<Fix>,
}

impl Finding {
    /// The same with another severity.
    pub(super) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The same with what `--fix` would do.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }
}

fn as_text<S: Serializer>(fix: &Option<Fix>, serializer: S) -> Result<S::Ok, S::Error> {
    match fix {
        Some(fix) => serializer.collect_str(fix),
        None => serializer.serialize_none(),
    }
}

/// What could not be looked at, and what it takes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Where it belongs.
    pub area: Area,
    /// What was not looked at, and why.
    pub what: String,
    /// What to do.
    pub mend: String,
}

impl Gap {
    pub(super) fn new(area: Area, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            area,
            what: what.into(),
            mend: mend.into(),
        }
    }
}

/// The checks of a file, as constants and as a list.
macro_rules! checks {
    ($area:ident: $($name:ident = $id:literal, $severity:ident, $why:literal;)+) => {
        $(const $name: $crate::operate::doctor::Check = $crate::operate::doctor::Check {
            id: $id,
            area: $crate::operate::doctor::Area::$area,
            severity: $crate::operate::doctor::Severity::$severity,
            why: $why,
        };)+
        /// All checks of this file.
        pub(super) const CHECKS: &[$crate::operate::doctor::Check] = &[$($name),+];
    };
}
pub(super) use checks;
