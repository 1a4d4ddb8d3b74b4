//! What the gateway tells its operator.

use fanout::broker::Broker;
use fanout::operate::whereabouts::Stores;
use serde_json::json;

use crate::client::Request;
use crate::dlq::dead;
use crate::intake::Answers;
use crate::lines::Lines;
use crate::rig::{Rig, event};

fn change(path: &str, body: &str) -> Request {
    Request::new("POST", path).body(body)
}

#[tokio::test]
async fn what_an_operator_changes_over_http_is_told_with_who_and_how_many() {
    let (lines, _guard) = Lines::capture();
    let rig = Rig::start().await;
    assert_eq!(rig.post(&event("view", "a")).await.status, 202);
    for path in ["neo4j/purge", "neo4j/pause", "neo4j/resume"] {
        let path = format!("/rabbitmq/queues/{path}");
        rig.send(change(&path, "")).await.with_status(200);
    }
    let posted = lines.told("request");
    let fields = ["method", "path", "status", "accepted", "rejected"];
    let fields = fields.map(|name| posted.fields[name].as_str());
    assert_eq!(fields, ["POST", "/events", "202", "1", "0"]);
    let purged = lines.told("queue purged");
    assert_eq!(purged.fields["queue"], "events.neo4j");
    assert_eq!(purged.number("purged"), 1.0);
    assert!(
        purged.fields["peer"].starts_with("127.0.0.1:"),
        "{purged:?}"
    );
    assert_eq!(lines.told("queue paused").fields["by"], "http:127.0.0.1");
    assert_eq!(lines.told("queue resumed").fields["queue"], "events.neo4j");
}

#[tokio::test]
async fn a_panic_is_told_with_the_path_and_answered_with_500() {
    let (lines, _guard) = Lines::capture();
    let rig = Rig::start().await;
    rig.intake.answer(Answers::Panics);
    assert_eq!(rig.post(&event("view", "pay10ad")).await.status, 500);
    let told = lines.told("a request made the gateway panic");
    assert_eq!(told.fields["path"], "/events");
}

#[tokio::test]
async fn a_replay_that_cannot_leave_out_what_is_applied_says_so() {
    let (lines, _guard) = Lines::capture();
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.ndjson");
    // The processor of this queue is in another program.
    let stores = Stores::new().with("neo4j", None);
    let rig = Rig::made(|config| config.dlq.audit_file = audit, |_| {}, stores).await;
    rig.broker.publish(dead("1")).await.unwrap();
    let replay = change("/dlq/replay", &json!({"all": true}).to_string());
    assert_eq!(rig.send(replay).await.with_status(200)["done"], 1);
    let told = lines.told("nobody can tell what is applied");
    assert_eq!(told.fields["queue"], "events.neo4j");
}
