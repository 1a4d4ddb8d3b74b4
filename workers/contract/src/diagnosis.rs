//! What a processor's package finds at its destination, for `fanout doctor`.
//!
//! The package knows the database and its traps; who shows the findings knows neither.

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; works as it is.
    Notice,
    /// Works now, and will not some day.
    Warning,
    /// Loses, blocks or cannot start.
    Error,
}

impl Severity {
    /// Stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Something that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Kebab-case and stable; it begins with the name of the database.
    pub id: &'static str,
    /// How bad a finding usually is.
    pub severity: Severity,
    /// Why it matters: a sentence without full stop.
    pub why: &'static str,
}

impl Check {
    /// A finding of the usual severity.
    pub fn found(
        &self,
        subject: impl Into<String>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Symptom {
        Symptom {
            check: *self,
            severity: self.severity,
            subject: subject.into(),
            what: what.into(),
            mend: mend.into(),
            prepare_mends: false,
        }
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symptom {
    /// What was looked at.
    pub check: Check,
    /// How bad this one is.
    pub severity: Severity,
    /// The server, setting or collection.
    pub subject: String,
    /// What was found: a sentence without full stop.
    pub what: String,
    /// What to do.
    pub mend: String,
    /// Whether [`prepare`](crate::Processor::prepare) mends it. Default false.
    pub prepare_mends: bool,
}

/// Everything that was found, and what could not be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// What is not as it should be.
    pub symptoms: Vec<Symptom>,
    /// What was not looked at and why, and what it takes to: never silently passed.
    pub not_checked: Vec<(String, String)>,
}

impl Diagnosis {
    /// Notes a finding.
    pub fn add(&mut self, symptom: Symptom) {
        self.symptoms.push(symptom);
    }

    /// Notes what could not be looked at, and what it takes to.
    pub fn not_checked(&mut self, what: impl Into<String>, mend: impl Into<String>) {
        self.not_checked.push((what.into(), mend.into()));
    }
}
