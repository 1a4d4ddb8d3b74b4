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
fn a_day_that_is_killed_again_and_again_is_whole_after_the_next_run() {
    let (killed, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let args = [
        "demo", "--json", "--seed", "7", "--events", EVENTS, "--keep",
    ];
    let mut cut_short = 0;
    for wait in [400, 700, 1_000, 1_300, 1_600] {
        let program = Program::new();
        let mut running = program
            .command(&[&args[..], &[killed.path().to_str().unwrap()]].concat())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        #[allow(clippy::disallowed_methods, reason = "there is no runtime to block")]
        // sleep: what it is about at that moment is left to chance
        std::thread::sleep(std::time::Duration::from_millis(wait));
        cut_short += usize::from(running.try_wait().unwrap().is_none());
        running.kill().unwrap();
        running.wait().unwrap();
    }
    assert!(cut_short > 0, "each run was over before it was killed");
    let (after, undisturbed) = (demo(Some(killed.path())), demo(Some(whole.path())));
    assert_eq!(after["again"], true);
    for part in ["graph", "vectors", "sample", "bestsellers"] {
        assert_eq!(after[part], undisturbed[part], "{part}");
    }
}

#[test]
fn recommend_similar_graph_and_ledger_answer_from_a_kept_folder() {
    let folder = tempfile::tempdir().unwrap();
    let report = demo(Some(folder.path()));
    let from = ["--json", "--from", folder.path().to_str().unwrap()];
    let ask = |question: &[&str]| -> Value {
        let answer = Program::new().run(&[question, &from].concat()).good();
        serde_json::from_str(&answer).unwrap()
    };
    let user = report["sample"]["user"].to_string();
    let ids = |answer: &Value| -> Vec<Value> {
        let products = answer["products"].as_array().unwrap().iter();
        products
            .map(|product| product["product_id"].clone())
            .collect()
    };
    let recommended = ask(&["recommend", &user, "-n", "5"]);
    let told = report["sample"]["recommended"].as_array().unwrap().iter();
    assert_eq!(
        ids(&recommended),
        told.map(|p| p["id"].clone()).collect::<Vec<_>>()
    );
    let product = ids(&recommended)[0].to_string();
    let similar = ask(&["similar", &product, "-n", "3"]);
    assert_eq!(ids(&similar).len(), 3);
    assert!(
        !ids(&similar)
            .iter()
            .any(|id| *id == recommended["products"][0]["product_id"]),
        "itself"
    );

    let ledger = ask(&["ledger", "stats"]);
    assert_eq!(ledger["entries"], report["graph"]["applied"]);
    let none = ask(&["ledger", "prune", "--older-than", "30d"]);
    assert_eq!(
        (number(&none["removed"]), &none["remaining"]),
        (0, &ledger["entries"])
    );

    let graph = ask(&["graph", &user, "--limit", "10000"]);
    let relations = graph["relations"].as_array().unwrap();
    let times: Vec<_> = relations
        .iter()
        .map(|r| r["last_at"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    let text = Program::new()
        .run(&[&["graph", &user], &from[1..]].concat())
        .good();
    assert!(text.starts_with("RELATIONSHIP"), "{text}");

    let unknown = Program::new()
        .run(&[&["graph", "\"1\""], &from[1..]].concat())
        .bad(1);
    assert!(
        unknown.contains("user \"1\" is not in the graph"),
        "{unknown}"
    );
    let nothing = Program::new()
        .run(&["graph", "1", "--from", "nowhere"])
        .bad(4);
    assert!(nothing.contains("fanout demo --keep DIR"), "{nothing}");
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
