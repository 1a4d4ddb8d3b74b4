use fanout::broker::Broker;
use fanout::recovery::{FailureNote, dead_letter};
use fanout_contract::ReasonCode;
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::json;

use super::rig::{Rig, dead, dead_with};
use super::{DLQ, NEO4J, QDRANT, SOON};
use crate::program::Program;
use crate::support::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn an_edit_shows_a_diff_keeps_the_original_and_publishes_what_decodes() {
    let rig = Rig::new("dlq-edit").await;
    rig.dead(3).await;
    let dry = rig.json(&["edit", "1", "--set", "/user_id=42", "--dry-run"]);
    assert!(
        dry["diff"].as_str().unwrap().contains("+  \"user_id\": 42"),
        "{dry}"
    );
    rig.ready_is(DLQ, 3).await;
    let program = &rig.program;
    let refused = program
        .run(&["dlq", "edit", "1", "--set", "/user_id=42"])
        .bad(2);
    assert!(refused.contains("--yes"), "{refused}");
    let broken = program.folder().join("broken");
    std::fs::write(&broken, "{\"event_id\":").unwrap();
    let broken = [
        "dlq",
        "edit",
        "1",
        "--yes",
        "--body",
        broken.to_str().unwrap(),
    ];
    assert!(program.run(&broken).bad(1).contains("body-not-json"));
    rig.ready_is(DLQ, 3).await;
    let edit = [
        "edit",
        "1",
        "--set",
        "/user_id=42",
        "--yes",
        "--keep",
        "before.json",
    ];
    let done = rig.json(&edit);
    assert_eq!((&done["id"], &done["queue"]), (&json!("1"), &json!(NEO4J)));
    rig.ready_is(DLQ, 2).await;
    let mended = rig.take(NEO4J, 1).await.remove(0);
    let body: serde_json::Value = serde_json::from_slice(&mended.body).unwrap();
    assert_eq!(
        (&body["user_id"], &body["event_id"]),
        (&json!(42), &json!("1"))
    );
    assert_eq!(mended.properties.message_id.as_deref(), Some("1"));
    assert_eq!(
        mended.properties.headers["fanout-replay"].as_str(),
        done["run"].as_str()
    );
    let kept = std::fs::read_to_string(program.folder().join("before.json")).unwrap();
    assert!(kept.contains("\"user_id\":\"u1\""), "{kept}");
    let log = rig.audit();
    assert_eq!(
        (&log[1]["action"], &log[1]["what"]["before"]),
        (&json!("edit"), &done["before"])
    );
    rig.ready_is(QDRANT, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn an_edit_is_held_to_the_schema_of_its_kind_and_takes_an_editor() {
    let rig = Rig::new("dlq-schema").await;
    rig.dead(1).await;
    let schema = json!({"properties": {"user_id": {"type": "integer"}}}).to_string();
    let schemas = rig.program.folder().join("schemas");
    std::fs::create_dir(&schemas).unwrap();
    std::fs::write(schemas.join("view.json"), schema).unwrap();
    let program = rig
        .program
        .env("FANOUT_GATEWAY_SCHEMAS", "schemas")
        .env("PATH", "/usr/bin:/bin")
        .env("EDITOR", "sed -i s/u0/17/");
    let text = program.run(&["dlq", "edit", "0", "--yes"]).bad(1);
    assert!(text.contains("schema of view"), "{text}");
    let program = program.env("VISUAL", "sed -i s/.u0./17/");
    let done = program.run(&["dlq", "edit", "0", "--yes", "--json"]).json();
    assert!(
        done["diff"]
            .as_str()
            .unwrap()
            .contains("+  \"user_id\": 17"),
        "{done}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn an_export_comes_back_byte_for_byte_and_a_second_import_changes_nothing() {
    let rig = Rig::new("dlq-export").await;
    rig.dead(20).await;
    let bytes = b"\xff\x00\n{".as_slice();
    rig.publish([dead_with("raw", NEO4J, "body-not-utf8", bytes.into())])
        .await;
    let before = crate::support::queues::look_into(&rig.broker, DLQ).await;
    let program = &rig.program;
    let told = program.run(&["dlq", "export", "dead.ndjson"]);
    assert_eq!(
        (told.code, told.stderr.as_str()),
        (Some(0), "exported 21 dead letters\n")
    );
    let again = program.run(&["dlq", "export", "dead.ndjson"]);
    assert!(
        again.bad(2).contains("dead.ndjson"),
        "never over a file that is there"
    );
    assert_eq!(rig.json(&["purge", "--all", "--yes"])["done"], 21);
    let import = rig.json(&["import", "dead.ndjson"]);
    assert_eq!(
        (&import["done"], &import["refused"]),
        (&json!(21), &json!(0))
    );
    rig.ready_is(DLQ, 21).await;
    let second = rig.json(&["import", "dead.ndjson"]);
    assert_eq!((&second["done"], &second["known"]), (&json!(0), &json!(21)));
    let after = crate::support::queues::look_into(&rig.broker, DLQ).await;
    let content = |found: Vec<fanout::broker::Delivery>| {
        let mut all: Vec<_> = found
            .into_iter()
            .map(|d| {
                let properties = d.message.properties;
                let headers = format!("{:?}", properties.headers);
                (properties.message_id, d.message.body, headers)
            })
            .collect();
        all.sort();
        all
    };
    assert!(content(before) == content(after), "something has changed");
    let wrong = rig.program.folder().join("wrong");
    std::fs::write(&wrong, "{}\nno json\n").unwrap();
    let told = rig.program.run(&["dlq", "import", "wrong"]);
    assert_eq!(told.code, Some(1));
    assert!(told.stdout.contains("line 2"), "{told:?}");
    rig.ready_is(DLQ, 21).await;
}

/// Takes what is replayed; ids from `fails_from` on are dead-lettered again.
fn worker(rig: &Rig, fails_from: usize) -> tokio::task::JoinHandle<()> {
    let broker = rig.broker.clone();
    tokio::spawn(async move {
        let mut events = broker.consume(NEO4J, 100).await.unwrap();
        while let Some(Ok(delivery)) = events.deliveries.next().await {
            let id = delivery.message.properties.message_id.clone().unwrap();
            if id.parse::<usize>().unwrap() >= fails_from {
                let note = FailureNote {
                    queue: NEO4J,
                    attempt: 1,
                    code: ReasonCode::new("neo4j-value"),
                    error: "again",
                    at: Timestamp::now(),
                };
                let again = dead_letter(&delivery.message, None, DLQ.to_owned(), &note);
                broker.publish(again).await.unwrap();
            }
            events.channel.ack(delivery.tag, false).await.unwrap();
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn the_canary_stops_after_the_first_step_that_fails() {
    let rig = Rig::new("dlq-canary").await;
    for id in 0..30 {
        rig.publish([dead(&id.to_string(), NEO4J, "neo4j-value")])
            .await;
    }
    let worker = worker(&rig, 3);
    let canary = [
        "dlq",
        "replay",
        "--all",
        "--canary=2,5,10",
        "--canary-wait=30s",
        "--json",
    ];
    let command = rig.program.command(&canary);
    let ended = tokio::process::Command::from(command).output();
    let ended = within("the canary", SOON, ended).await.unwrap();
    worker.abort();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let report: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(report["stopped"]["why"], "canary", "{report}");
    assert_eq!(report["done"], 7);
    let steps = json!([
        {"replayed": 2, "came_back": 0, "settled": true},
        {"replayed": 5, "came_back": 4, "settled": true},
    ]);
    assert_eq!(report["steps"], steps);
    rig.ready_is(DLQ, 27).await;
    let back = rig.json(&["group", "--text", "again"]);
    assert_eq!(back["groups"][0]["replayed"], 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn nothing_is_begun_where_the_audit_log_cannot_be_written() {
    let rig = Rig::new("dlq-audit").await;
    rig.dead(2).await;
    let program = Program::new()
        .env("RABBITMQ_URL", rig.vhost.url().expose())
        .env("FANOUT_DLQ_AUDIT_FILE", "/proc/none/audit.ndjson");
    let refused = program.run(&["dlq", "replay", "--all", "--force"]).bad(3);
    assert!(refused.contains("audit log"), "{refused}");
    rig.ready_is(DLQ, 2).await;
    rig.ready_is(NEO4J, 0).await;
    let retained = Program::new()
        .env("RABBITMQ_URL", rig.vhost.url().expose())
        .env("FANOUT_DLQ_MESSAGE_TTL", "1h");
    let other = retained.run(&["topology", "apply"]).bad(4);
    assert!(other.contains(DLQ), "{other}");
}
