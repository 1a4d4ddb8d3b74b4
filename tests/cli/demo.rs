//! The demonstration: all of it in one process.

use serde_json::Value;
use std::path::Path;

use crate::program::Program;

const EVENTS: &str = "2000";

fn demo(folder: Option<&Path>) -> Value {
    let mut args = vec!["demo", "--json", "--seed", "7", "--events", EVENTS];
    if let Some(folder) = folder {
        args.extend(["--keep", folder.to_str().unwrap()]);
    }
    serde_json::from_str(&Program::new().run(&args).good()).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn a_day_is_in_both_stores_exactly_once_although_the_graph_was_away() {
    let report = demo(None);
    let day = &report["day"];
    let events = number(&day["events"]);
    assert_eq!(events + number(&day["malformed"]), 2000);
    assert!(
        number(&day["repeated"]) > 0 && number(&day["late"]) > 0,
        "{day}"
    );
    assert_eq!(number(&report["graph"]["applied"]), events);
    assert_eq!(report["graph"]["interactions"], day["interactions"]);
    assert_eq!(report["vectors"]["interactions"], day["interactions"]);
    assert_eq!(report["vectors"]["products"], report["graph"]["products"]);
    assert_eq!(report["vectors"]["profiles"], report["graph"]["users"]);
    assert!(
        number(&report["graph_queue"]["given_back"]) > 0,
        "no outage was seen"
    );
}

#[test]
fn only_what_is_malformed_is_a_dead_letter_once_for_each_queue() {
    let report = demo(None);
    let groups = report["dead_letters"].as_array().unwrap();
    for queue in ["events.neo4j", "events.qdrant"] {
        let of_queue = groups.iter().filter(|group| group["queue"] == queue);
        let count: u64 = of_queue.map(|group| number(&group["count"])).sum();
        assert_eq!(count, number(&report["day"]["malformed"]), "{groups:?}");
    }
    let known = ["body-not-json", "payload-invalid", "unknown-version"];
    let reasons = groups.iter().map(|group| group["reason"].as_str().unwrap());
    assert_eq!(groups.len(), 2 * known.len(), "{groups:?}");
    assert!(reasons.into_iter().all(|reason| known.contains(&reason)));
}

#[test]
fn a_second_run_over_a_kept_folder_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (demo(Some(folder.path())), demo(Some(folder.path())));
    assert_eq!(
        (&first["again"], &second["again"]),
        (&false.into(), &true.into())
    );
    assert_eq!(first["graph"], second["graph"]);
    assert_eq!(first["vectors"], second["vectors"]);
    assert_eq!(first["sample"], second["sample"], "profiles included");
    assert_eq!(number(&second["newly_applied"]), 0);
    assert_eq!(number(&second["graph_queue"]["applied"]), 0);
}

#[test]
fn the_report_tells_a_newcomer_what_there_is_and_what_to_type_next() {
    let text = Program::new().run(&["demo", "--events", "500"]).good();
    for part in [
        "every event is in both stores exactly once",
        "BESTSELLERS",
        "RECOMMENDED",
        "interactions were about",
        "DEAD LETTERS OF",
        "fanout demo --keep DIR",
        "docker compose up",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_named_with_what_to_do() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let folder = file.path().to_str().unwrap();
    let run = Program::new().run(&["demo", "--events", "500", "--keep", folder]);
    assert_eq!(run.code, Some(4));
    assert!(
        run.stderr.contains(folder) && run.stderr.contains("--keep DIR"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_day_of_hardly_any_events_is_refused() {
    let run = Program::new().run(&["demo", "--events", "99"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("100..=10000000"), "{}", run.stderr);
}
