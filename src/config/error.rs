//! What is wrong with a configuration: every problem at once, never a secret in clear.

use std::fmt;

use super::Origin;

/// One problem: which setting, what stood there, what it has to be, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting (`queues.neo4j.deadline`), or the variable or file where there is none.
    pub key: String,
    /// What was given, secrets masked; `None` where nothing was given.
    pub value: Option<String>,
    /// Where it was given.
    pub origin: Origin,
    /// The rule it breaks, as the end of "the value …": `must be …`.
    pub rule: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem with nothing but a key and the rule it breaks.
    pub fn new(key: impl Into<String>, origin: Origin, rule: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: None,
            origin,
            rule: rule.into(),
            hint: None,
        }
    }

    /// The same problem with the value that was given; mask secrets before.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// The same problem with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        if self.origin != Origin::Default {
            write!(f, " ({})", self.origin)?;
        }
        write!(f, ": {}", self.rule)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// All problems of a configuration, sorted by key; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    problems: Vec<Problem>,
}

impl ConfigErrors {
    /// The stable reason code of an invalid configuration.
    pub const CODE: &'static str = "config-invalid";

    /// Sorts the problems; `None` where there are none.
    pub fn from_problems(mut problems: Vec<Problem>) -> Option<Self> {
        problems.sort_by(|a, b| (&a.key, &a.origin, &a.rule).cmp(&(&b.key, &b.origin, &b.rule)));
        problems.dedup();
        (!problems.is_empty()).then_some(Self { problems })
    }

    /// A single problem.
    pub fn one(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }

    /// The stable reason code: `config-invalid`.
    pub fn code(&self) -> &'static str {
        Self::CODE
    }

    /// The problems, sorted by key.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigErrors {
    /// A headline, then one numbered line per problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.problems.len() == 1 {
            "problem"
        } else {
            "problems"
        };
        write!(
            f,
            "the configuration has {} {noun} ({})",
            self.problems.len(),
            Self::CODE
        )?;
        for (index, problem) in self.problems.iter().enumerate() {
            write!(f, "\n  {}. {problem}", index + 1)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
