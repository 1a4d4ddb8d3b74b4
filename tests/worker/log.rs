//! Log lines: form, file, filter.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::lines::Lines;
use crate::program::{Program, eventually};

#[test]
fn the_daily_file_has_every_line_until_the_end() {
    let program = Program::new();
    let args = [
        "--queue",
        "neo4j",
        "--log-dir",
        "log",
        "--log-format",
        "json",
    ];
    let worker = program.start(&args);
    let folder = program.folder().join("log");
    let file = eventually("the log file is there", || {
        let entry = fs::read_dir(&folder).ok()?.next()?.unwrap();
        Some(entry.path())
    });
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(
        name.starts_with("run-worker.20") && name.ends_with(".log"),
        "{name}"
    );
    eventually("the worker has started", || {
        fs::read_to_string(&file)
            .unwrap()
            .contains("worker starts")
            .then_some(())
    });
    worker.signal(Signal::SIGTERM);
    let ended = worker.ended();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(messages(&text).last().unwrap(), "worker ended");
    // Lines of two threads at one moment may stand in either order.
    let sorted = |log: &str| {
        let mut messages: Vec<_> = messages(log).iter().map(Value::to_string).collect();
        messages.sort();
        messages
    };
    assert_eq!(sorted(&text), sorted(&ended.stderr));
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn a_program_with_a_recorder_of_its_own_keeps_it_and_is_told() {
    let (lines, _guard) = Lines::capture();
    metrics::set_global_recorder(metrics::NoopRecorder).unwrap();
    fanout::operate::record_metrics();
    lines.told("metrics are recorded elsewhere");
}

fn messages(log: &str) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    log.lines()
        .map(|line| parse(line)["message"].clone())
        .collect()
}

#[test]
fn no_colours_reach_a_file_or_a_pipe() {
    let program = Program::new();
    let worker = program.start(&["--queue", "neo4j"]);
    worker.http();
    assert!(!worker.stderr().contains('\u{1b}'));
}

#[test]
fn the_filter_is_obeyed_and_an_error_is_told_all_the_same() {
    let program = Program::new()
        .env("FANOUT_LOG", "off")
        .env("RABBITMQ_REQUIRED", "true")
        .file("[broker.backoff]\ndelays = [\"10ms\"]\nmax_attempts = 2\n");
    let ended = program.run(&["--queue", "neo4j"]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{}", ended.stderr);
    assert!(
        lines[0].starts_with("run-worker: cannot start: gave up"),
        "{}",
        lines[0]
    );
}
