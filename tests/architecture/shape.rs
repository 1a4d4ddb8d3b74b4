//! Size of files and functions, purity of decisions, the one clock.

use crate::repository::{assert_none, read, rust, shipped};

/// Folders with Rust in them.
const ALL: [&str; 6] = [
    "src/",
    "workers/",
    "embedded/",
    "tests/",
    "examples/",
    "benches/",
];

/// Proofreading happens one screen at a time.
const LONGEST_FILE: usize = 400;
const MEDIAN_FILE: usize = 150;
/// `main` is a table of contents.
const LONGEST_MAIN: usize = 79;

fn lengths() -> Vec<(usize, String)> {
    let mut lengths: Vec<_> = rust(&ALL)
        .into_iter()
        .map(|f| (f.text.lines().count(), f.path))
        .collect();
    lengths.sort();
    lengths
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let wrong: Vec<_> = lengths()
        .into_iter()
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .map(|(lines, path)| format!("{path}: {lines}"))
        .collect();
    assert_none(&wrong, "split by what changes together:");
}

#[test]
fn half_of_the_files_have_at_most_150_lines() {
    let lengths = lengths();
    let median = lengths[lengths.len() / 2].0;
    assert!(
        median <= MEDIAN_FILE,
        "the median file has {median} lines; the longest: {:#?}",
        lengths.iter().rev().take(10).collect::<Vec<_>>()
    );
}

#[test]
fn no_function_is_longer_than_70_lines() {
    let lints = read("Cargo.toml");
    assert!(
        lints.contains("too_many_lines = \"deny\""),
        "clippy counts the lines: keep `too_many_lines = \"deny\"` in [workspace.lints.clippy]"
    );
    assert!(
        read("clippy.toml").contains("too-many-lines-threshold = 70"),
        "clippy.toml sets the wall: too-many-lines-threshold = 70"
    );
    let marker = concat!("clippy::", "too_many_lines");
    let wrong: Vec<_> = rust(&ALL)
        .iter()
        .filter(|f| f.text.contains(marker))
        .map(|f| f.path.clone())
        .collect();
    assert_none(
        &wrong,
        "shorten the function instead of allowing its length:",
    );
}

#[test]
fn main_is_a_table_of_contents() {
    let mains: Vec<_> = lengths()
        .into_iter()
        .filter(|(_, path)| path.ends_with("/main.rs"))
        .collect();
    assert!(mains.len() >= 2, "the binaries were not found: {mains:?}");
    let wrong: Vec<_> = mains
        .into_iter()
        .filter(|(lines, _)| *lines > LONGEST_MAIN)
        .map(|(lines, path)| format!("{path}: {lines}"))
        .collect();
    assert_none(
        &wrong,
        "parse, load, log, build, run, exit code; the rest belongs into the library:",
    );
}

#[test]
fn decisions_are_pure() {
    let wrong: Vec<_> = rust(&["src/recovery/", "src/topology/"])
        .iter()
        .flat_map(|f| {
            f.shipped_code()
                .into_iter()
                .filter(|(_, line)| line.contains(".await") || line.contains("async "))
                .map(|(number, line)| format!("{}: {}", f.at(number), line.trim()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_none(
        &wrong,
        "recovery and topology decide and describe, others act; move the waiting out of:",
    );
}

#[test]
fn time_comes_from_tokios_clock() {
    let foreign = |line: &str| {
        (line.contains("std::time::") && line.contains("Instant"))
            || line.contains("SystemTime")
            || line.contains("Utc::now")
            || line.contains("Local::now")
    };
    let wrong: Vec<_> = shipped()
        .iter()
        .flat_map(|f| {
            f.shipped_code()
                .into_iter()
                .filter(|(_, line)| foreign(line))
                .map(|(number, line)| format!("{}: {}", f.at(number), line.trim()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_none(
        &wrong,
        "simulations pause tokio's clock: use tokio::time::Instant for spans and \
         jiff::Timestamp for stamps in:",
    );
}
