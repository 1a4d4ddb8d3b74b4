//! The page for operators and the catalogue say the same.

use std::collections::BTreeSet;

use super::catalogue;

const PAGE: &str = include_str!("../../../docs/operations/logs.md");

/// Target, level, message, fields.
type Row = (String, String, String, Vec<String>);

/// The words between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Rows `` | `message` | level | `field`, `field` | when | `` below `` ## `target` ``.
fn promised() -> Vec<Row> {
    let mut target = String::new();
    let mut rows = Vec::new();
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            target = quoted(heading).concat();
        }
        let cells: Vec<_> = line.split(" | ").collect();
        let &[message, level, fields, when] = cells.as_slice() else {
            continue;
        };
        if !target.is_empty() && message.starts_with("| `") {
            assert!(when.len() > 5, "says when: {line}");
            let message = quoted(message).concat();
            rows.push((target.clone(), level.to_owned(), message, quoted(fields)));
        }
    }
    rows
}

#[test]
#[cfg(all(feature = "cli", feature = "outbox"))]
fn the_page_promises_what_the_catalogue_has_and_nothing_else() {
    let promised = promised();
    let unique: BTreeSet<_> = promised.iter().cloned().collect();
    assert_eq!(unique.len(), promised.len(), "a record stands there twice");
    let ours = |row: &&Row| row.0.starts_with("fanout::");
    let promised: BTreeSet<_> = unique.iter().filter(ours).cloned().collect();
    let existing: BTreeSet<Row> = catalogue()
        .map(|record| {
            let level = record.level.as_str().to_lowercase();
            let fields = record.fields.iter().copied().map(str::to_owned).collect();
            (
                record.target.to_owned(),
                level,
                record.message.to_owned(),
                fields,
            )
        })
        .collect();
    let missing: Vec<_> = existing.difference(&promised).collect();
    let invented: Vec<_> = promised.difference(&existing).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "docs/operations/logs.md lacks {missing:#?} and invents {invented:#?}"
    );
}

#[test]
fn every_message_names_one_record() {
    let mut seen = BTreeSet::new();
    for record in catalogue() {
        assert!(seen.insert(record.message), "twice: {}", record.message);
    }
}
