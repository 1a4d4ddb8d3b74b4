//! `fanout doctor --fix`: mends what is safe, leaves the rest, loses nothing.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{ONE_QUEUE, Rig, at_the_broker, management};
use crate::program::Program;
use crate::support::eventually;

const SOON: Duration = Duration::from_secs(60);
const EMPTY: &str = "events.neo4j.retry.7s";
const FULL: &str = "events.neo4j.retry.9s";

async fn program(rig: &Rig) -> Program {
    Program::new()
        .env("RABBITMQ_URL", rig.vhost.url().expose())
        .env("RABBITMQ_MANAGEMENT_URL", &management().await)
        .file("fanout.toml", ONE_QUEUE)
}

fn doctor(program: &Program, more: &[&str]) -> (Option<i32>, Value) {
    let mut args = vec!["doctor", "--json"];
    args.extend(at_the_broker());
    args.extend(more);
    let ended = program.run(&args);
    let report = serde_json::from_str(&ended.stdout);
    (
        ended.code,
        report.unwrap_or_else(|e| panic!("{e}: {ended:?}")),
    )
}

/// Two retry queues of an earlier plan, one with a message; nothing else.
async fn abandoned() -> Rig {
    let rig = Rig::empty("fix", ONE_QUEUE).await;
    for name in [EMPTY, FULL] {
        let body = json!({"durable": true, "arguments": {"x-queue-type": "quorum"}});
        let path = rig.vhost.path("queues", name);
        rig.vhost.management().put(&path, &body).await;
    }
    rig.vhost
        .publish_raw(FULL, json!({"delivery_mode": 2}), "{}")
        .await;
    rig
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn what_is_missing_is_declared_and_only_the_empty_queue_is_deleted() {
    let rig = abandoned().await;
    let program = program(&rig).await;
    // Until the broker's statistics know that the one is empty and the other is not.
    eventually("both queues have figures", SOON, async || {
        let (code, report) = doctor(&program, &[]);
        assert_eq!(code, Some(1), "{report}");
        let findings = report["findings"].as_array().unwrap();
        let about = |name: &str| findings.iter().find(|f| f["subject"] == name).cloned();
        let fix = about(EMPTY)?["fix"].clone();
        (fix == format!("delete the empty queue {EMPTY}")
            && about(FULL)?["what"].as_str()?.contains("1 messages"))
        .then_some(())
    })
    .await;
    let asked = program.run(&["doctor", "--fix", "--only", "queues"]).bad(2);
    assert!(asked.contains("--yes"), "{asked}");

    let (code, report) = doctor(&program, &["--fix", "--yes"]);
    assert_eq!(code, Some(1), "the queue with a message is left: {report}");
    let mended = report["mended"].as_array().unwrap();
    // Exchange, five queues, a binding, and the queue that is gone.
    assert_eq!(mended.len(), 8, "{report}");
    assert!(mended.iter().all(|step| step["left"].is_null()), "{report}");
    let findings = report["findings"].as_array().unwrap();
    let left: Vec<_> = findings.iter().map(|f| &f["subject"]).collect();
    assert_eq!(left, [FULL], "{report}");
    assert_eq!(report["counts"]["warnings"], 1);

    let management = rig.vhost.management();
    assert_eq!(
        management.find(&rig.vhost.path("queues", EMPTY)).await,
        None
    );
    let full = management.get(&rig.vhost.path("queues", FULL)).await;
    assert_eq!(full["messages"], 1);
}
