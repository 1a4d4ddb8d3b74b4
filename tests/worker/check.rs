//! `--check` where the servers are away.

use crate::program::Program;

#[test]
fn a_check_reports_every_server_that_is_away_and_exits_4() {
    let ended = Program::new().run(&["--queue", "neo4j", "--check"]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let report = ended.stderr;
    assert!(
        report.starts_with("the check found 2 problems\n"),
        "{report}"
    );
    assert!(
        report.contains("1. broker amqp://guest:***@127.0.0.1:1/%2f"),
        "{report}"
    );
    assert!(
        report.contains("2. destination neo4j: destination-unreachable"),
        "{report}"
    );
}
