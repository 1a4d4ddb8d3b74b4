//! What loading finds out beside the values: their origins, and the problems.

use std::collections::BTreeSet;

use super::super::form::Fault;
use super::super::raw::Raw;
use super::super::schema::Field;
use super::super::{Origin, Origins, Problem};

/// Origins and problems found so far.
#[derive(Debug, Default)]
pub(in crate::config) struct Report {
    pub(in crate::config) origins: Origins,
    pub(in crate::config) problems: Vec<Problem>,
    /// Keys whose value was refused: relations that involve them are not judged.
    refused: BTreeSet<String>,
}

impl Report {
    /// Writes a checked value into its field, or notes why not.
    pub(in crate::config) fn assign<T>(
        &mut self,
        field: &Field<T>,
        target: &mut T,
        key: &str,
        raw: &Raw,
        origin: Origin,
    ) {
        let fault = match field.form.read(raw) {
            Ok(val) => {
                if (field.slot)(target).put(val) {
                    self.origins.set(key, origin);
                    return;
                }
                Fault {
                    rule: format!("must be {}", field.form.rule()),
                    hint: None,
                }
            }
            Err(fault) => fault,
        };
        self.refuse(key, origin, fault, field.refused(raw));
    }

    /// Notes a refused value.
    pub(in crate::config) fn refuse(
        &mut self,
        key: &str,
        origin: Origin,
        fault: Fault,
        shown: String,
    ) {
        self.refused.insert(key.to_owned());
        let mut problem = Problem::new(key, origin, fault.rule).value(shown);
        problem.hint = fault.hint.filter(|hint| !hint.is_empty());
        self.problems.push(problem);
    }

    /// Marks a key and all below it as not to be judged; the empty key is above all.
    pub(in crate::config) fn distrust(&mut self, key: &str) {
        self.refused.insert(key.to_owned());
    }

    /// Whether these keys, and all they are part of, have accepted values.
    pub(in crate::config) fn trusts(&self, keys: &[&str]) -> bool {
        let refused = |key: &&str| self.refused.iter().any(|bad| is_below(key, bad));
        !keys.iter().any(refused)
    }

    /// Notes a broken relation, unless one of its settings was refused already. The origin is
    /// that of the first key.
    pub(in crate::config) fn relate(
        &mut self,
        keys: &[&str],
        value: impl Into<String>,
        rule: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let parts_refused = |key: &&str| self.refused.iter().any(|bad| is_below(bad, key));
        let Some(first) = keys.first() else { return };
        if !self.trusts(keys) || keys.iter().any(parts_refused) {
            return;
        }
        let origin = self.origins.of(first);
        let problem = Problem::new(*first, origin, rule).value(value).hint(hint);
        self.problems.push(problem);
    }
}

/// Whether `key` is `parent` or a part of it; everything is a part of the empty key.
fn is_below(key: &str, parent: &str) -> bool {
    parent.is_empty()
        || key
            .strip_prefix(parent)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
