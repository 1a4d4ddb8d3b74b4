//! `fanout doctor` where no server answers.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::Program;

/// Nothing listens there: the port was just given back.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn without_servers() -> Program {
    let port = closed_port();
    Program::new()
        .env(
            "RABBITMQ_URL",
            &format!("amqp://me:hidden@127.0.0.1:{port}/%2f"),
        )
        .env(
            "RABBITMQ_MANAGEMENT_URL",
            &format!("http://127.0.0.1:{port}"),
        )
        .env("NEO4J_URI", &format!("bolt://127.0.0.1:{port}"))
        .env("QDRANT_URL", &format!("http://127.0.0.1:{port}"))
}

fn checks(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|found| found["check"].as_str().unwrap())
        .collect()
}

#[test]
fn every_server_that_is_away_is_told_within_the_deadlines() {
    let started = Instant::now();
    let ended = without_servers().run(&["doctor"]);
    assert!(
        started.elapsed() < Duration::from_secs(40),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for check in [
        "broker-unreachable",
        "management-unreachable",
        "neo4j-unreachable",
        "qdrant-unreachable",
    ] {
        assert!(ended.stdout.contains(check), "{check}: {}", ended.stdout);
    }
    let last = ended.stdout.lines().last().unwrap();
    assert!(last.contains("3 errors, 1 warning"), "{last}");
    assert!(!ended.stdout.contains("hidden"), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\u{1b}'), "{}", ended.stdout);
}

#[test]
fn each_finding_says_what_why_and_how_to_mend_it_for_programs_too() {
    let ended = without_servers().run(&["doctor", "--json", "--only", "broker"]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        checks(&report),
        ["broker-unreachable", "management-unreachable"]
    );
    let finding = report["findings"][0].as_object().unwrap();
    let keys: BTreeSet<_> = finding.keys().map(String::as_str).collect();
    let expected = [
        "severity", "area", "check", "subject", "what", "why", "mend", "fix",
    ];
    assert_eq!(keys, BTreeSet::from(expected));
    assert_eq!(
        (&finding["severity"], &finding["area"]),
        (&"error".into(), &"broker".into())
    );
    assert_eq!(report["counts"]["errors"], 1);
    assert_eq!(report["mended"], Value::Array(Vec::new()));
}

#[test]
fn configuration_and_environment_are_looked_at_without_any_server() {
    let program = Program::new()
        .env(
            "RABBITMQ_URL",
            "amqp://guest:guest@rabbit.example.com:5672/%2f",
        )
        .env("RABBITMQ_PORT", "tcp://10.0.0.1:5672")
        .env("NEO4J_URI", "bolt://graph.example.com:7687")
        .env("KUBERNETES_SERVICE_HOST", "10.0.0.1")
        .env("QDRANT_API_KEY_FILE", "key")
        .env("FANOUT_SPOOL_DIR", "taken/spool")
        .file("key", "s3cret")
        .file("taken", "a file where a folder should be");
    let only = ["--only", "configuration", "--only", "environment"];
    let args: Vec<_> = ["doctor", "--json"].into_iter().chain(only).collect();
    let ended = program.run(&args);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        checks(&report),
        [
            "default-password",
            "default-user",
            "plaintext-connection",
            "plaintext-connection",
            "missing-id-assign",
            "spool-not-writable",
            "service-links",
            "drain-over-grace",
            "secret-file-readable",
        ]
    );
}

#[test]
fn notices_alone_are_no_failure_and_quiet_leaves_them_out() {
    let program = Program::new();
    let shown = program.run(&["doctor", "--only", "configuration"]).good();
    assert!(shown.contains("missing-id-assign"), "{shown}");
    let quiet = program.run(&["doctor", "--only", "configuration", "--quiet"]);
    assert_eq!(quiet.good(), "0 errors, 0 warnings, 1 notice\n");
}

#[test]
fn a_configuration_that_is_not_valid_exits_3_and_an_unknown_area_2() {
    let program = Program::new().env("RABBITMQ_PORT", "tcp://10.0.0.1:5672");
    assert!(program.run(&["doctor"]).bad(3).contains("Kubernetes"));
    let complaint = Program::new().run(&["doctor", "--only", "moon"]).bad(2);
    assert!(complaint.contains("queues"), "{complaint}");
    Program::new().run(&["doctor", "--yes"]).bad(2);
}
