//! `fanout ledger`, as far as it needs no server.

use std::net::TcpListener;

use crate::program::Program;

/// Nothing listens there: the port was just given back.
fn without_a_store() -> Program {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    Program::new().env("NEO4J_URI", &format!("bolt://127.0.0.1:{port}"))
}

#[test]
fn what_may_still_come_again_stays_unless_forced() {
    let program = without_a_store();
    let prune = |args: &[&str]| program.run(&[&["ledger", "prune"], args].concat());
    // 14 days in the queue, and 5 min 35 s in its retry stages
    let refused = prune(&["--older-than", "14d"]).bad(2);
    assert!(
        refused.contains("applied a second time") && refused.contains("within 15d"),
        "{refused}"
    );
    assert!(refused.contains("hint: --force"), "{refused}");
    let refused = prune(&["--older-than", "1h", "--force"]).bad(2);
    assert!(refused.contains("--yes"), "{refused}");
    // these go on, to a store that is not there
    for allowed in [
        &[][..],
        &["--older-than", "15d"],
        &["--older-than", "1h", "--force", "--yes"],
        &["--older-than", "1h", "--force", "--dry-run"],
    ] {
        let absent = prune(allowed).bad(4);
        assert!(absent.contains("cannot ask Neo4j"), "{allowed:?}: {absent}");
    }
}

#[test]
fn dead_letters_that_are_kept_longer_ask_for_a_longer_memory() {
    let program = without_a_store().env("FANOUT_DLQ_MESSAGE_TTL", "40d");
    let refused = program.run(&["ledger", "prune", "--older-than", "30d"]);
    assert!(refused.bad(2).contains("within 55d"));
    let set = program.env("FANOUT_NEO4J_LEDGER_RETENTION", "30d");
    let problem = set.run(&["ledger", "stats"]).bad(3);
    assert!(
        problem.contains("neo4j.ledger_retention") && problem.contains("must not be below 55d"),
        "{problem}"
    );
}
