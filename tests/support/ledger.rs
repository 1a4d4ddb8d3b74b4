//! An oracle: knows every id that was published, and says of a list of ends what is missing,
//! extra or there twice.

use std::collections::BTreeMap;
use std::fmt;

/// Ids named in a message; the rest is counted.
const NAMED: usize = 10;

/// Ids that were published, each once or more.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    published: BTreeMap<String, u32>,
}

/// How what ended differs from what was published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Published, and nowhere.
    pub missing: Vec<String>,
    /// Somewhere, and never published.
    pub extra: Vec<String>,
    /// More than once among the ends.
    pub duplicated: Vec<String>,
}

impl Ledger {
    /// Notes ids as published.
    pub fn published<I: Into<String>>(&mut self, ids: impl IntoIterator<Item = I>) {
        for id in ids {
            *self.published.entry(id.into()).or_default() += 1;
        }
    }

    /// How many different ids.
    pub fn len(&self) -> usize {
        self.published.len()
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.published.keys().map(String::as_str)
    }

    /// Compares the ids that ended somewhere with those that were published.
    pub fn compare<I: Into<String>>(&self, ends: impl IntoIterator<Item = I>) -> Findings {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for id in ends {
            *counts.entry(id.into()).or_default() += 1;
        }
        let known = |id: &String| self.published.contains_key(id);
        let list = |ids: Vec<&String>| ids.into_iter().cloned().collect();
        Findings {
            missing: list(
                self.published
                    .keys()
                    .filter(|id| !counts.contains_key(*id))
                    .collect(),
            ),
            extra: list(counts.keys().filter(|id| !known(id)).collect()),
            duplicated: counts
                .into_iter()
                .filter(|(_, count)| *count > 1)
                .map(|(id, _)| id)
                .collect(),
        }
    }
}

impl Findings {
    /// Each id ended exactly once.
    pub fn assert_exact(&self) {
        assert!(*self == Self::default(), "{self}");
    }

    /// Each id ended at least once, and nothing else did.
    pub fn assert_complete(&self) {
        assert!(self.missing.is_empty() && self.extra.is_empty(), "{self}");
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("missing", &self.missing),
            ("extra", &self.extra),
            ("duplicated", &self.duplicated),
        ];
        for (name, ids) in lists {
            let first = &ids[..ids.len().min(NAMED)];
            write!(f, "{} {name} {first:?} ", ids.len())?;
        }
        Ok(())
    }
}

#[test]
fn the_ledger_finds_what_is_missing_extra_and_there_twice() {
    let mut ledger = Ledger::default();
    ledger.published(["a", "b", "b", "c"]);
    let findings = ledger.compare(["b", "c", "c", "d"]);
    assert_eq!(
        (findings.missing, findings.extra, findings.duplicated),
        (vec!["a".into()], vec!["d".into()], vec!["c".into()])
    );
    ledger.compare(["a", "b", "c"]).assert_exact();
}
