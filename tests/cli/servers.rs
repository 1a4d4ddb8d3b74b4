//! What commands say before they reach a server, or when there is none.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::program::Program;

/// Nothing listens there: the port was just given back.
fn without_broker() -> Program {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    Program::new().env(
        "RABBITMQ_URL",
        &format!("amqp://me:hidden@127.0.0.1:{port}/%2f"),
    )
}

#[test]
fn a_broker_that_is_absent_exits_4_soon_and_names_its_masked_address() {
    let program = without_broker().file("events.ndjson", "{\"event_type\":\"view\"}\n");
    for args in [
        &["publish", "events.ndjson"][..],
        &["topology", "apply"],
        &["queue", "list"],
        &["queue", "purge", "neo4j", "--yes"],
    ] {
        let started = Instant::now();
        let complaint = program.run(args).bad(4);
        assert!(started.elapsed() < Duration::from_secs(20), "{args:?}");
        assert!(complaint.contains("127.0.0.1"), "{args:?}: {complaint}");
        assert!(complaint.contains("hint: "), "{args:?}: {complaint}");
        assert!(!complaint.contains("hidden"), "{args:?}: {complaint}");
    }
}

#[test]
fn an_input_that_cannot_be_read_is_told_before_anything_is_connected() {
    let program = without_broker()
        .file("events.ndjson.zst", "")
        .file("events.ndjson.gz", "not packed at all");
    std::fs::create_dir(program.folder().join("folder")).unwrap();
    for (file, reason) in [
        ("absent.ndjson", "absent.ndjson"),
        ("folder", "is a directory"),
        ("events.ndjson.zst", "unpacked"),
        ("events.ndjson.gz", "cannot read"),
    ] {
        let complaint = program.run(&["publish", file]).bad(2);
        assert!(complaint.contains(reason), "{file}: {complaint}");
    }
}

#[test]
fn a_queue_outside_our_topology_is_refused_with_the_known_ones() {
    let program = without_broker();
    for args in [
        &["queue", "show", "amq.gen-1"][..],
        &["queue", "purge", "amq.gen-1", "--yes"],
    ] {
        let complaint = program.run(args).bad(2);
        assert!(complaint.contains("'amq.gen-1'"), "{complaint}");
        assert!(complaint.contains("events.neo4j.retry.5s"), "{complaint}");
    }
}

#[test]
fn a_purge_nobody_can_be_asked_about_needs_yes() {
    let complaint = without_broker().run(&["queue", "purge", "neo4j"]).bad(2);
    assert!(complaint.contains("--yes"), "{complaint}");
}
