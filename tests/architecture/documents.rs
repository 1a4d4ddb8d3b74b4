//! The documents hold together.

use std::collections::BTreeSet;

use crate::repository::{Source, assert_none, files, read, root, rust};

fn markdown() -> Vec<Source> {
    let mut found = files();
    found.retain(|f| f.path.ends_with(".md"));
    found
}

/// Targets of the `[text](target)` links of a document, without those to the web.
fn links(document: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in document.text.lines().enumerate() {
        for (start, _) in line.match_indices("](") {
            let target: String = line[start + 2..]
                .chars()
                .take_while(|c| *c != ')')
                .collect();
            if !target.contains("://") && !target.starts_with('#') {
                found.push((index + 1, target));
            }
        }
    }
    found
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut wrong = Vec::new();
    for document in markdown() {
        let path = root().join(&document.path);
        let folder = path.parent().unwrap();
        for (line, target) in links(&document) {
            let file = target.split('#').next().unwrap_or_default();
            if !folder.join(file).exists() {
                wrong.push(format!("{}: {target}", document.at(line)));
            }
        }
    }
    assert_none(&wrong, "these links lead nowhere:");
}

#[test]
fn the_changelog_has_an_unreleased_section() {
    let text = read("CHANGELOG.md");
    let unreleased = text.split("\n## [Unreleased]\n").nth(1).unwrap_or_default();
    let entries = unreleased.split("\n## ").next().unwrap_or_default();
    assert!(
        entries.lines().any(|line| line.starts_with("- ")),
        "a change of behaviour brings its line under `## [Unreleased]` in CHANGELOG.md"
    );
}

#[test]
fn the_code_of_the_readme_is_compiled() {
    assert!(
        read("src/lib.rs").contains("include_str!(\"../README.md\")"),
        "src/lib.rs includes README.md under cfg(doctest), so that its code is compiled"
    );
    assert!(
        read("README.md").contains("\n```rust"),
        "README.md shows how a processor is written, as Rust that is compiled"
    );
}

#[test]
fn decisions_are_numbered_without_gaps_and_listed() {
    let index = read("docs/adr/README.md");
    let records: Vec<_> = markdown()
        .into_iter()
        .filter_map(|f| f.path.strip_prefix("docs/adr/").map(str::to_owned))
        .filter(|name| name != "README.md")
        .collect();
    let mut wrong = Vec::new();
    for (position, name) in records.iter().enumerate() {
        if !name.starts_with(&format!("{:04}-", position + 1)) {
            wrong.push(format!("{name}: expected number {:04}", position + 1));
        }
        if !index.contains(&format!("]({name})")) {
            wrong.push(format!("{name}: not listed in docs/adr/README.md"));
        }
        let text = read(&format!("docs/adr/{name}"));
        for section in ["\n## Context\n", "\n## Decision\n", "\n## Consequences\n"] {
            if !text.contains(section) {
                wrong.push(format!(
                    "{name}: lacks{}",
                    section.trim_end().replace('\n', " ")
                ));
            }
        }
    }
    assert_none(&wrong, "decisions in docs/adr:");
}

/// Folders directly below `path` that hold Rust.
fn folders(path: &str) -> BTreeSet<String> {
    rust(&[path])
        .iter()
        .filter_map(|f| f.path[path.len()..].split_once('/'))
        .map(|(folder, _)| folder.to_owned())
        .collect()
}

#[test]
fn the_map_names_every_folder_of_the_runtime_once() {
    let map = read("ARCHITECTURE.md");
    let wrong: Vec<_> = folders("src/")
        .into_iter()
        .chain(folders("workers/"))
        .filter(|folder| folder != "bin" && map.matches(&format!("\n  {folder}/")).count() != 1)
        .collect();
    assert_none(
        &wrong,
        "the folder map of ARCHITECTURE.md has one line, no more and no less, for each of:",
    );
}

#[test]
fn the_compose_file_and_the_image_set_variables_that_exist() {
    let known: String = rust(&["src/config/"]).into_iter().map(|f| f.text).collect();
    let compose = read("docker-compose.yaml");
    let worker = compose.split("\n  worker-").skip(1);
    let set = worker
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("      ")?.split_once(": "))
        .map(|(name, _)| name.to_owned());
    let image = read("Dockerfile");
    let in_image = image
        .lines()
        .filter_map(|line| line.strip_prefix("ENV ")?.split_once('='))
        .map(|(name, _)| name.to_owned());
    let variables: Vec<_> = set
        .chain(in_image)
        .filter(|name| {
            name.chars()
                .all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit())
        })
        .collect();
    assert!(
        variables.len() > 5,
        "the variables were not found: {variables:?}"
    );
    let wrong: Vec<_> = variables
        .into_iter()
        .filter(|name| !known.contains(&format!("\"{name}\"")))
        .collect();
    assert_none(&wrong, "the configuration does not read these variables:");
}
