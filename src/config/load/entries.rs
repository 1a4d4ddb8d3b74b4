//! Walks a table of the file along the table of settings: known keys are assigned, unknown
//! ones are problems.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::form::did_you_mean;
use super::super::raw::{Node, Raw};
use super::super::schema::Field;
use super::super::{Origin, Problem};
use super::Report;

/// The file being read.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) report: &'a mut Report,
}

impl Source<'_> {
    pub(super) fn origin(&self, line: usize) -> Origin {
        Origin::File {
            path: self.path.to_owned(),
            line,
        }
    }

    /// Notes that a value has the wrong shape. A whole URL may stand where a section belongs:
    /// the value is not shown.
    pub(super) fn misshapen(&mut self, key: &str, node: &Node, rule: &str) {
        let origin = self.origin(node.line);
        self.report.distrust(key);
        self.report
            .problems
            .push(Problem::new(key, origin, rule).value(node.raw.kind()));
    }
}

/// Assigns the entries of `table` to the fields of `target`. Entries named in `extras` are
/// handed back with their key below the prefix.
pub(super) fn assign<'n, T: 'static>(
    source: &mut Source<'_>,
    fields: impl IntoIterator<Item = &'static Field<T>> + Clone,
    extras: &[&'static str],
    target: &mut T,
    prefix: &str,
    table: &'n Node,
) -> Vec<(&'static str, &'n Node)> {
    let mut found = Vec::new();
    let Raw::Table(entries) = &table.raw else {
        source.misshapen(prefix, table, "must be a table");
        return found;
    };
    let known: Vec<&str> = fields
        .clone()
        .into_iter()
        .map(|field| field.key)
        .chain(extras.iter().copied())
        .collect();
    let mut given = BTreeMap::new();
    flatten(source, &known, prefix, "", entries, &mut given);
    for field in fields {
        let key = join(prefix, field.key);
        match given.get(field.key) {
            Some(node) => {
                let origin = source.origin(node.line);
                source.report.assign(field, target, &key, &node.raw, origin);
            }
            None if field.required => {
                let origin = source.origin(table.line);
                source.report.distrust(&key);
                source
                    .report
                    .problems
                    .push(Problem::new(key, origin, "is missing").hint(field.doc));
            }
            None => {}
        }
    }
    for extra in extras {
        if let Some(node) = given.get(*extra) {
            found.push((*extra, *node));
        }
    }
    found
}

/// Collects the known entries by dotted key, down through the sections.
fn flatten<'n>(
    source: &mut Source<'_>,
    known: &[&str],
    prefix: &str,
    section: &str,
    entries: &'n BTreeMap<String, Node>,
    given: &mut BTreeMap<String, &'n Node>,
) {
    for (name, node) in entries {
        let key = join(section, name);
        let below = format!("{key}.");
        if name.contains('.') {
            unknown(source, known, prefix, section, name, node);
        } else if known.contains(&key.as_str()) {
            given.insert(key, node);
        } else if known.iter().any(|k| k.starts_with(&below)) {
            match &node.raw {
                Raw::Table(entries) => flatten(source, known, prefix, &key, entries, given),
                _ => source.misshapen(&join(prefix, &key), node, "must be a table"),
            }
        } else {
            unknown(source, known, prefix, section, name, node);
        }
    }
}

fn unknown(
    source: &mut Source<'_>,
    known: &[&str],
    prefix: &str,
    section: &str,
    name: &str,
    node: &Node,
) {
    let start = if section.is_empty() {
        String::new()
    } else {
        format!("{section}.")
    };
    let mut siblings: Vec<&str> = known
        .iter()
        .filter_map(|key| key.strip_prefix(&start))
        .filter_map(|rest| rest.split('.').next())
        .collect();
    siblings.dedup();
    let origin = source.origin(node.line);
    let key = join(&join(prefix, section), &quoted_key(name));
    let hint = did_you_mean(name, &siblings)
        .unwrap_or_else(|| format!("known here: {}", siblings.join(", ")));
    source
        .report
        .problems
        .push(Problem::new(key, origin, "is not a known key").hint(hint));
}

/// Two parts of a dotted key, either of which may be empty.
pub(super) fn join(prefix: &str, key: &str) -> String {
    match (prefix, key) {
        ("", key) => key.to_owned(),
        (prefix, "") => prefix.to_owned(),
        (prefix, key) => format!("{prefix}.{key}"),
    }
}

/// A key as TOML writes it.
pub(in crate::config) fn quoted_key(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare {
        key.to_owned()
    } else {
        super::super::raw::quoted(key)
    }
}
