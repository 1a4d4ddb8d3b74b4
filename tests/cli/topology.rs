//! `fanout topology print` and `export`.

use serde_json::Value;

use crate::program::Program;

const DEFAULT_QUEUES: [&str; 13] = [
    "events.dlq",
    "events.neo4j",
    "events.neo4j.pause",
    "events.neo4j.retry.30s",
    "events.neo4j.retry.5m",
    "events.neo4j.retry.5s",
    "events.neo4j.suspect",
    "events.qdrant",
    "events.qdrant.pause",
    "events.qdrant.retry.30s",
    "events.qdrant.retry.5m",
    "events.qdrant.retry.5s",
    "events.qdrant.suspect",
];

const SEARCH: &str = r#"
[[exchanges]]
name = "app.events"
kind = "topic"

[queues.search]
name = "search.q"
processor = "neo4j"
bindings = [{ exchange = "app.events", keys = ["*.created", "payment.*"] }]
dead_letter = "search.dlq"
retry_delays = ["0s", "1s", "2s", "4s", "8s"]
"#;

fn names(list: &Value) -> Vec<&str> {
    let mut names: Vec<_> = list.as_array().unwrap().iter().collect();
    names.sort_by_key(|entry| entry["name"].as_str());
    names
        .into_iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .collect()
}

#[test]
fn the_default_topology_has_the_documented_names_in_every_form() {
    let program = Program::new();
    let text = program.run(&["topology", "print"]).good();
    let shown = program.run(&["topology", "print", "--json"]).json();
    let export = program.run(&["topology", "export"]).json();
    assert_eq!(names(&shown["queues"]), DEFAULT_QUEUES);
    assert_eq!(names(&export["queues"]), DEFAULT_QUEUES);
    for name in DEFAULT_QUEUES {
        assert!(text.contains(name), "{name}: {text}");
    }
    assert_eq!(names(&export["exchanges"]), ["events"]);
    assert_eq!(export["exchanges"][0]["type"], "fanout");
    assert_eq!(export["queues"][0]["vhost"], "/");
}

#[test]
fn another_topology_is_configuration_alone() {
    let program = Program::new().file("search.toml", SEARCH);
    let shown = program
        .run(&["--config", "search.toml", "topology", "print", "--json"])
        .json();
    assert_eq!(
        names(&shown["queues"]),
        [
            "search.dlq",
            "search.q",
            "search.q.pause",
            "search.q.retry.1s",
            "search.q.retry.2s",
            "search.q.retry.4s",
            "search.q.retry.8s",
            "search.q.suspect",
        ]
    );
    let keys: Vec<_> = shown["bindings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|binding| binding["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["*.created", "payment.*"]);
    let retry = shown["queues"]
        .as_array()
        .unwrap()
        .iter()
        .find(|queue| queue["name"] == "search.q.retry.2s")
        .unwrap();
    assert_eq!(retry["role"], "retry");
    assert_eq!(retry["arguments"]["x-message-ttl"], 2000);
    assert_eq!(retry["arguments"]["x-dead-letter-routing-key"], "search.q");
}
