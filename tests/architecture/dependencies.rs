//! Who may depend on whom: the table of ARCHITECTURE.md.

use std::collections::BTreeSet;
use toml::{Table, Value};

use crate::repository::{Source, assert_none, files, read, rust};

/// All that `fanout-contract` may use: it must hardly ever change.
const CONTRACT_MAY_USE: [&str; 8] = [
    "bytes",
    "futures",
    "jiff",
    "serde",
    "serde_json",
    "thiserror",
    "tokio",
    "uuid",
];

/// Package, and what its manifest must not name.
const FORBIDDEN: [(&str, &[&str]); 4] = [
    ("Cargo.toml", &["neo4rs", "qdrant-client"]),
    (
        "workers/neo4j/Cargo.toml",
        &["lapin", "fanout", "qdrant-client", "fanout-qdrant"],
    ),
    ("embedded/Cargo.toml", &["lapin", "fanout"]),
    (
        "workers/qdrant/Cargo.toml",
        &["lapin", "fanout", "neo4rs", "fanout-neo4j"],
    ),
];

/// Driver, and the only places that may name it in code. The benchmarks measure ours against the bare drivers.
const DRIVERS: [(&str, &[&str]); 8] = [
    (
        "lapin",
        &["src/broker/amqp/", "src/broker/amqp.rs", "benches/"],
    ),
    ("neo4rs", &["workers/neo4j/", "benches/"]),
    (
        "tokio_postgres",
        &["src/publish/outbox/", "tests/support/postgres.rs"],
    ),
    (
        "qdrant_client",
        &[
            "workers/qdrant/",
            "embedded/",
            "benches/",
            "tests/support/qdrant.rs",
        ],
    ),
    ("opentelemetry", &TRACES),
    ("opentelemetry_sdk", &TRACES),
    ("opentelemetry_proto", &TRACES),
    ("tracing_opentelemetry", &TRACES),
];

/// The exporter, and the collector that tests it.
const TRACES: [&str; 3] = [
    "src/telemetry/otlp/",
    "tests/gateway/traces.rs",
    "tests/support/collector.rs",
];

fn manifests() -> Vec<(String, Table)> {
    files()
        .into_iter()
        .filter(|f| f.path == "Cargo.toml" || f.path.ends_with("/Cargo.toml"))
        .map(|f| {
            let table = f.text.parse().unwrap_or_else(|e| panic!("{}: {e}", f.path));
            (f.path, table)
        })
        .collect()
}

fn manifest(path: &str) -> Table {
    read(path).parse().unwrap()
}

/// Dependencies of a manifest, those of one target included: section, name, entry.
fn dependencies(manifest: &Table) -> Vec<(String, String, Value)> {
    let mut tables = vec![manifest.clone()];
    if let Some(Value::Table(targets)) = manifest.get("target") {
        tables.extend(targets.values().filter_map(|t| t.as_table().cloned()));
    }
    let mut found = Vec::new();
    for table in tables {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            if let Some(Value::Table(entries)) = table.get(section) {
                found.extend(
                    entries
                        .iter()
                        .map(|(name, entry)| (section.to_owned(), name.clone(), entry.clone())),
                );
            }
        }
    }
    found
}

/// Whether a line of code names this crate: `name::` or `use name`.
fn names_crate(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = &line[start + name.len()..];
        let is_word = !before.is_some_and(|c| c.is_alphanumeric() || "_\"-".contains(c));
        let imported = line[..start].trim_end().ends_with("use") && !after.starts_with('_');
        is_word && (after.starts_with("::") || imported)
    })
}

fn naming(sources: &[Source], name: &str, allowed: &[&str]) -> Vec<String> {
    sources
        .iter()
        .filter(|f| !allowed.iter().any(|prefix| f.path.starts_with(prefix)))
        .flat_map(|f| {
            f.code()
                .filter(|(_, line)| names_crate(line, name))
                .map(|(number, line)| format!("{}: {}", f.at(number), line.trim()))
        })
        .collect()
}

#[test]
fn a_driver_is_named_in_its_one_place_only() {
    let sources = rust(&[
        "src/",
        "workers/",
        "embedded/",
        "tests/",
        "examples/",
        "benches/",
    ]);
    let wrong: Vec<_> = DRIVERS
        .iter()
        .flat_map(|(driver, places)| naming(&sources, driver, places))
        .collect();
    assert_none(
        &wrong,
        "a driver's vocabulary stops at its seam: lapin at broker::Broker, neo4rs and \
         qdrant_client at contract::Processor, tokio_postgres at publish::outbox, \
         OpenTelemetry at telemetry::spans. Use the seam here:",
    );
}

#[test]
fn the_runtime_knows_a_processor_in_the_registry_only() {
    let mut sources = rust(&["src/"]);
    // The demonstration stands in for a deployment: it builds both processors on its stores.
    // `recommend`, `similar` and `graph` are questions to one store each, `verify` to two of a
    // kind; `ledger` looks after that of one store.
    let places = [
        "src/bin/registry/",
        "src/bin/fanout/demo/",
        "src/bin/fanout/ask/",
        "src/bin/fanout/ledger/",
        "src/bin/fanout/verify/",
    ];
    sources.retain(|f| !places.iter().any(|place| f.path.starts_with(place)));
    let wrong: Vec<_> = ["fanout_neo4j", "fanout_qdrant"]
        .iter()
        .flat_map(|processor| naming(&sources, processor, &[]))
        .collect();
    assert_none(
        &wrong,
        "the runtime knows queues and no database; register the processor in \
         src/bin/registry instead:",
    );
}

#[test]
fn opentelemetry_comes_with_its_feature_only() {
    let table = manifest("Cargo.toml");
    let ours = |name: &str| name.contains("opentelemetry");
    let mut wrong = Vec::new();
    for (section, name, entry) in dependencies(&table) {
        let optional = entry.get("optional") == Some(&Value::Boolean(true));
        if ours(&name) && (section != "dependencies" || !optional) {
            wrong.push(format!("{name} in [{section}]"));
        }
    }
    let features = table["features"].as_table().unwrap();
    for (feature, enables) in features.iter().filter(|(name, _)| *name != "otlp") {
        let enables = enables.as_array().unwrap().iter().filter_map(Value::as_str);
        wrong.extend(
            enables
                .filter(|e| ours(e))
                .map(|e| format!("{feature}: {e}")),
        );
    }
    assert_none(&wrong, "a build without `otlp` has none of its crates:");
}

#[test]
fn no_package_depends_on_what_the_table_denies_it() {
    let wrong: Vec<_> = FORBIDDEN
        .iter()
        .flat_map(|(path, denied)| {
            dependencies(&manifest(path))
                .into_iter()
                .filter(|(section, name, _)| {
                    section == "dependencies" && denied.contains(&name.as_str())
                })
                .map(move |(_, name, _)| format!("{path}: {name}"))
        })
        .collect();
    assert_none(
        &wrong,
        "the dependency table of ARCHITECTURE.md denies (change it there, with an ADR, or \
         remove the dependency):",
    );
}

#[test]
fn lapin_stands_in_the_manifests_of_the_runtime_and_the_benchmarks_only() {
    let wrong: Vec<_> = manifests()
        .into_iter()
        .filter(|(path, table)| {
            !matches!(path.as_str(), "Cargo.toml" | "benches/Cargo.toml")
                && dependencies(table)
                    .iter()
                    .any(|(_, name, _)| name == "lapin")
        })
        .map(|(path, _)| path)
        .collect();
    assert_none(
        &wrong,
        "processors and examples know no broker; remove lapin from:",
    );
}

#[test]
fn the_contract_uses_no_driver_and_no_runtime() {
    let table = manifest("workers/contract/Cargo.toml");
    let wrong: Vec<_> = dependencies(&table)
        .into_iter()
        .filter(|(section, name, entry)| {
            let optional = entry.get("optional") == Some(&Value::Boolean(true));
            section == "dependencies"
                && (!CONTRACT_MAY_USE.contains(&name.as_str()) || (name == "tokio" && !optional))
        })
        .map(|(_, name, _)| name)
        .collect();
    assert_none(
        &wrong,
        "what every processor builds on must not move: the contract uses values and futures \
         only, tokio only behind `conformance`. Remove:",
    );
}

#[test]
fn tokio_reaches_the_contract_through_conformance_only() {
    let table = manifest("workers/contract/Cargo.toml");
    let features = table["features"].as_table().unwrap();
    let wrong: Vec<_> = features
        .iter()
        .filter(|(name, enables)| {
            let tokio = Value::from("dep:tokio");
            *name != "conformance" && enables.as_array().unwrap().contains(&tokio)
        })
        .map(|(name, _)| name.clone())
        .collect();
    assert_none(
        &wrong,
        "only the feature `conformance` may bring tokio, these do too:",
    );
}

#[test]
fn a_database_reaches_the_root_package_as_an_optional_processor_only() {
    let wrong: Vec<_> = dependencies(&manifest("Cargo.toml"))
        .into_iter()
        .filter(|(section, name, entry)| {
            section == "dependencies"
                && name.starts_with("fanout-")
                && name != "fanout-contract"
                && entry.get("optional") != Some(&Value::Boolean(true))
        })
        .map(|(_, name, _)| name)
        .collect();
    assert_none(
        &wrong,
        "the library builds without any database (`--no-default-features`); make optional, \
         behind a feature of its own:",
    );
}

#[test]
fn every_third_party_version_stands_once_in_the_root_manifest() {
    let wrong: Vec<_> = manifests()
        .into_iter()
        .flat_map(|(path, table)| {
            dependencies(&table)
                .into_iter()
                .filter(|(_, _, entry)| entry.get("workspace") != Some(&Value::Boolean(true)))
                .map(move |(section, name, _)| format!("{path} [{section}] {name}"))
        })
        .collect();
    assert_none(
        &wrong,
        "put the version into [workspace.dependencies] of the root and write \
         `NAME.workspace = true` in:",
    );
}

#[test]
fn every_package_is_a_member_and_inherits_the_lints() {
    let workspace = manifest("Cargo.toml");
    let members: BTreeSet<_> = workspace["workspace"]["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m.as_str().unwrap().to_owned())
        .collect();
    let wrong: Vec<_> = manifests()
        .into_iter()
        .filter_map(|(path, table)| {
            let folder = path.strip_suffix("/Cargo.toml").unwrap_or(".");
            let inherits = table
                .get("lints")
                .and_then(|l| l.get("workspace"))
                .is_some_and(|w| *w == Value::Boolean(true));
            match (members.contains(folder), inherits) {
                (false, _) => Some(format!("{path}: not in workspace.members")),
                (_, false) => Some(format!("{path}: lacks `[lints] workspace = true`")),
                _ => None,
            }
        })
        .collect();
    assert_none(&wrong, "one workspace, one set of lints:");
}

#[test]
fn cargo_run_starts_fanout() {
    let table = manifest("Cargo.toml");
    assert_eq!(
        table["package"]["default-run"].as_str(),
        Some("fanout"),
        "`cargo run` must know which of the two binaries is meant"
    );
}
