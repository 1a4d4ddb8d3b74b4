//! Every log record that the page promises is seen emitted by a test.

use crate::repository::{Source, assert_none, read, rust};

/// Where the tests of a target stand: some messages are the same for both stores.
fn home(target: &str) -> &'static [&'static str] {
    match target {
        "fanout_neo4j" => &["workers/neo4j/"],
        "fanout_qdrant" => &["workers/qdrant/"],
        _ => &["src/", "tests/"],
    }
}

/// Target and message of each row of the page.
fn promised() -> Vec<(String, String)> {
    let page = read("docs/operations/logs.md");
    let mut target = "";
    let mut rows = Vec::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## `") {
            target = heading.trim_end_matches('`');
        } else if let Some((message, _)) = line.strip_prefix("| `").and_then(|l| l.split_once('`'))
        {
            rows.push((target.to_owned(), message.to_owned()));
        }
    }
    assert!(rows.len() > 50, "the page was not understood");
    rows
}

/// Code without white space: a call may stand on several lines.
fn compact(text: &str) -> String {
    text.split_whitespace().collect()
}

fn code(source: &Source) -> String {
    source.code().map(|(_, line)| compact(line)).collect()
}

#[test]
fn every_record_of_the_page_is_seen_emitted_with_its_fields() {
    let sources = rust(&["src/", "tests/", "workers/"]);
    let mut tests: Vec<_> = sources.iter().map(|one| (&one.path, code(one))).collect();
    tests.retain(|(path, code)| code.contains(".told") && !path.starts_with("tests/support/"));
    let mut wrong = Vec::new();
    for (target, message) in promised() {
        let calls = [
            format!(".told(\"{message}\")"),
            format!(".told_every(\"{target}\")"),
        ];
        let calls = calls.map(|call| compact(&call));
        let home = home(&target);
        let at_home = |path: &str| home.iter().any(|home| path.starts_with(home));
        let mut tests = tests.iter().filter(|(path, _)| at_home(path));
        if !tests.any(|(_, code)| calls.iter().any(|call| code.contains(call))) {
            wrong.push(format!("{target}: {message}"));
        }
    }
    assert_none(
        &wrong,
        "in a test that causes it capture the log (tests/support/lines.rs) and hold it against \
         the page with `lines.told(\"MESSAGE\")`:",
    );
}
