//! A worker whose broker is away.

use std::time::Instant;

use nix::sys::signal::Signal;

use crate::lines::Lines;
use crate::program::{Program, SOON, eventually};

/// Three attempts within milliseconds.
const QUICK: &str = "[broker.backoff]\ndelays = [\"10ms\"]\nmax_attempts = 3\nfailed_after = 2\n";

#[test]
fn a_required_broker_that_is_away_ends_the_start_with_exit_4() {
    let program = Program::new().file(QUICK).env("RABBITMQ_REQUIRED", "true");
    let ended = program.run(&["--queue", "neo4j", "--log-format", "json"]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(
        ended.stderr.contains("gave up after 3 attempts"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    let lines = Lines::of_program(&ended.stderr);
    let away = lines.told("cannot connect to the broker");
    assert_eq!(away.fields["url"], "amqp://guest:***@127.0.0.1:1/%2f");
    let gave_up = lines.told("gave up on the broker");
    assert_eq!(gave_up.fields["code"], "broker-attempts-exhausted");
    assert_eq!(lines.told("worker failed").number("exit_code"), 4.0);
}

#[test]
fn a_worker_keeps_trying_says_so_and_ends_with_exit_0() {
    let program = Program::new().file(QUICK);
    let worker = program.start(&["--queue", "neo4j", "--workers", "2"]);
    let health = eventually("the broker counts as failed", || {
        let (status, health) = worker.get("/health");
        assert_eq!(status, 200, "{health}");
        (health["dependencies"]["rabbitmq"]["status"] == "failed").then_some(health)
    });
    assert_eq!(health["status"], "degraded");
    assert_eq!(
        (&health["rabbitmq"], &health["db"]),
        (&false.into(), &false.into())
    );
    let rabbitmq = &health["dependencies"]["rabbitmq"];
    assert_eq!(rabbitmq["connected"], false);
    assert_eq!(rabbitmq["pending_events"], 0);
    assert_eq!(rabbitmq["url"], "amqp://guest:***@127.0.0.1:1/%2f");
    let issues = health["issues"].to_string();
    assert!(issues.contains("broker-not-connected: "), "{issues}");
    assert!(issues.contains("still trying"), "{issues}");

    let (status, ready) = worker.get("/ready");
    assert_eq!(status, 503);
    assert_eq!(ready["ready"], false);
    assert_eq!(
        ready["missing"],
        serde_json::json!(["rabbitmq", "neo4j", "consumers"])
    );
    assert_eq!(
        worker.get("/live"),
        (200, serde_json::json!({ "alive": true }))
    );

    let asked = Instant::now();
    worker.signal(Signal::SIGTERM);
    let ended = worker.ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(asked.elapsed() < SOON / 12, "{:?}", asked.elapsed());
}

#[test]
fn two_hundred_attempts_are_one_line_of_the_log() {
    let program = Program::new().file("[broker.backoff]\ndelays = [\"1ms\"]\n");
    let begin = Instant::now();
    let worker = program.start(&["--queue", "neo4j", "--workers", "8"]);
    eventually("there were two hundred attempts", || {
        let issues = worker.get("/health").1["issues"].to_string();
        let (_, behind) = issues.split_once(" after ")?;
        let attempts: u32 = behind.split(' ').next()?.parse().ok()?;
        (attempts > 200).then_some(())
    });
    let log = worker.stderr();
    let lines = log.matches("cannot connect to the broker").count();
    let most = 1 + begin.elapsed().as_secs() / 30;
    assert!((1..=most).contains(&(lines as u64)), "{log}");
    assert!(log.contains("attempt=1 suppressed=0"), "{log}");
    worker.signal(Signal::SIGTERM);
    assert_eq!(worker.ended().code, Some(0));
}

#[test]
fn an_interrupt_ends_it_too() {
    let program = Program::new();
    let worker = program.start(&["--queue", "neo4j"]);
    worker.http();
    worker.signal(Signal::SIGINT);
    assert_eq!(worker.ended().code, Some(0));
}

#[test]
fn until_empty_gives_up_with_exit_5_and_says_why() {
    let program = Program::new();
    let ended = program.run(&[
        "--queue",
        "neo4j",
        "--until-empty",
        "--stuck-after",
        "600ms",
    ]);
    assert_eq!(ended.code, Some(5), "{ended:?}");
    let text = "the queue does not become empty: for 0.6 s the broker is not connected";
    assert!(ended.stderr.contains(text), "{}", ended.stderr);
}

#[test]
fn a_health_check_exits_1_while_the_worker_is_not_ready_or_not_there() {
    let program = Program::new();
    let worker = program.start(&["--queue", "neo4j"]);
    let addr = worker.http().to_string();
    let asks = Program::new().env("FANOUT_HTTP_ADDR", &addr);
    let answer = asks.run(&["--healthcheck"]);
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(
        answer.stderr.contains("missing: rabbitmq"),
        "{}",
        answer.stderr
    );
    drop(worker);
    let answer = asks.run(&["--healthcheck"]);
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(
        answer.stderr.contains("nobody answers"),
        "{}",
        answer.stderr
    );
}

#[test]
fn metrics_tell_the_state_of_the_worker() {
    let program = Program::new();
    let worker = program.start(&["--queue", "neo4j", "--workers", "2"]);
    let (head, text) = crate::program::exchange(worker.http(), "GET", "/metrics");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    let queue = r#"{messaging_destination_name="events.neo4j"}"#;
    for line in [
        "fanout_broker_connected 0".to_owned(),
        format!("fanout_lanes{queue} 2"),
        format!("fanout_consuming_lanes{queue} 0"),
        "# TYPE process_resident_memory_bytes gauge".to_owned(),
    ] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
}
