//! Alerts, dashboard and handbook speak of what there is.

use std::collections::BTreeSet;

use crate::repository::{Source, assert_none, files, read, rust};

/// Sections of the page of an alert, in their order.
const SECTIONS: [&str; 4] = [
    "\n## What it means\n",
    "\n## Look at\n",
    "\n## Mend\n",
    "\n## Wake somebody\n",
];

/// How metrics and labels of ours begin.
const PREFIXES: [&str; 4] = ["fanout_", "messaging_", "http_", "process_"];

/// Words of letters, digits and underscores that begin like a metric or one of its labels.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)))
        .collect()
}

/// Metrics and labels that are recorded.
fn recorded() -> BTreeSet<String> {
    let sources = rust(&["src/telemetry"]);
    let names: BTreeSet<_> = sources
        .iter()
        .flat_map(|source| source.text.split('"').skip(1).step_by(2))
        .flat_map(names)
        .map(str::to_owned)
        .collect();
    assert!(names.contains("fanout_lanes"), "no metrics: {names:?}");
    names
}

/// Without what the exposition adds to the name of a histogram.
fn plain(name: &str) -> &str {
    ["_bucket", "_count", "_sum"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name)
}

#[test]
fn every_metric_of_alerts_and_dashboard_is_recorded() {
    let recorded = recorded();
    let mut wrong = Vec::new();
    for path in [
        "deploy/prometheus/alerts.yaml",
        "deploy/prometheus/alerts_test.yaml",
        "deploy/grafana/fanout.json",
    ] {
        let text = read(path);
        let used = names(&text);
        assert!(used.len() > 10, "{path}: the metrics were not found");
        wrong.extend(
            used.into_iter()
                .filter(|name| !recorded.contains(*name) && !recorded.contains(plain(name)))
                .map(|name| format!("{path}: {name}")),
        );
    }
    assert_none(&wrong, "src/telemetry records none of this name:");
}

/// The blocks of the rules, each with its name.
fn alerts() -> Vec<(String, String)> {
    let text = read("deploy/prometheus/alerts.yaml");
    let blocks = text.split("- alert: ").skip(1);
    let alerts: Vec<_> = blocks
        .map(|block| {
            let name = block.lines().next().unwrap_or_default().trim();
            (name.to_owned(), block.to_owned())
        })
        .collect();
    assert!(alerts.len() > 10, "the alerts were not found");
    alerts
}

fn pages() -> Vec<Source> {
    let mut found = files();
    found.retain(|f| f.path.starts_with("docs/operations/Fanout"));
    found
}

fn name_of(page: &Source) -> &str {
    let file = page.path.trim_start_matches("docs/operations/");
    file.trim_end_matches(".md")
}

#[test]
fn every_alert_has_severity_text_and_a_page() {
    let mut wrong = Vec::new();
    let pages: BTreeSet<_> = pages().iter().map(|p| name_of(p).to_owned()).collect();
    for (name, block) in alerts() {
        let known = ["severity: critical\n", "severity: warning\n"];
        if known.iter().filter(|s| block.contains(**s)).count() != 1 {
            wrong.push(format!("{name}: severity critical or warning"));
        }
        let page = format!("/docs/operations/{name}.md\n");
        for part in ["summary: ", "description: ", "runbook_url: ", &page] {
            if !block.contains(part) {
                wrong.push(format!("{name}: lacks {}", part.trim_end()));
            }
        }
        if !pages.contains(&name) {
            wrong.push(format!("docs/operations/{name}.md is missing"));
        }
    }
    assert_none(&wrong, "whoever is woken finds out what to do; alerts:");
}

#[test]
fn every_page_of_an_alert_has_its_alert_and_its_sections() {
    let alerts: BTreeSet<_> = alerts().into_iter().map(|(name, _)| name).collect();
    let index = read("docs/operations.md");
    let mut wrong = Vec::new();
    for page in pages() {
        let name = name_of(&page);
        if !alerts.contains(name) {
            wrong.push(format!("{}: no such alert", page.path));
        }
        if !page.text.starts_with(&format!("# {name}\n")) {
            wrong.push(format!("{}: begins with # {name}", page.path));
        }
        let places: Vec<_> = SECTIONS.iter().map(|s| page.text.find(s)).collect();
        if places.contains(&None) || !places.is_sorted() {
            wrong.push(format!("{}: has the sections {SECTIONS:?}", page.path));
        }
        if !index.contains(&format!("(operations/{name}.md)")) {
            wrong.push(format!("{}: not listed in docs/operations.md", page.path));
        }
    }
    assert_none(&wrong, "pages in docs/operations:");
}

#[test]
fn the_manifests_and_compose_files_name_the_programs_of_the_image() {
    let image = read("Dockerfile");
    let mut wrong = Vec::new();
    for source in files().iter().filter(|f| {
        f.path.starts_with("deploy/kubernetes/") || f.path.starts_with("docker-compose")
    }) {
        for (index, line) in source.text.lines().enumerate() {
            let starts = ["command: [\"/", "entrypoint: [\"/", "[\"CMD\", \"/"];
            if let Some(start) = starts.iter().find_map(|s| line.split_once(s)) {
                let program = start.1.split('"').next().unwrap_or_default();
                let name = program.trim_start_matches("usr/local/bin/");
                if !["run-worker", "fanout"].contains(&name) {
                    wrong.push(format!("{}: /{program}", source.at(index + 1)));
                }
            }
        }
    }
    assert!(image.contains("\"/usr/local/bin/run-worker\""));
    assert_none(&wrong, "the image has no such program:");
}
