//! `/dlq…`

use fanout::broker::{Broker, Message};
use fanout::config::{Config, Secret};
use fanout::recovery::{FailureNote, dead_letter};
use fanout_contract::{EventId, ReasonCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Answer, Request};
use crate::rig::{Rig, eventually};

/// A gateway with so many dead letters of the Neo4j worker, and the folder of its audit log.
pub(crate) async fn with_dead(count: usize, change: impl FnOnce(&mut Config)) -> (Rig, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let audit_file = folder.path().join("audit.ndjson");
    let rig = Rig::with(|config| {
        config.dlq.audit_file = audit_file;
        change(config);
    })
    .await;
    for id in 0..count {
        rig.broker.publish(dead(&id.to_string())).await.unwrap();
    }
    (rig, folder)
}

pub(crate) fn dead(id: &str) -> Message {
    let note = FailureNote {
        queue: "events.neo4j",
        attempt: 4,
        code: ReasonCode::new("neo4j-value"),
        error: &format!("value {id} is wrong"),
        at: Timestamp::from_second(1_000).unwrap(),
    };
    let body = format!(r#"{{"event_id":"{id}","event_type":"view","email":"a@example.com"}}"#);
    let original = Message {
        exchange: "events".to_owned(),
        body: body.into(),
        ..Message::default()
    };
    dead_letter(
        &original,
        Some(&EventId::new(id)),
        "events.dlq".to_owned(),
        &note,
    )
}

async fn post(rig: &Rig, path: &str, body: &Value) -> Answer {
    rig.send(Request::new("POST", path).body(body.to_string()))
        .await
}

fn depths(rig: &Rig) -> (usize, usize, usize) {
    (
        rig.queue("dlq").len(),
        rig.queue("neo4j").len(),
        rig.queue("qdrant").len(),
    )
}

#[tokio::test]
async fn dead_letters_are_listed_in_pages_grouped_and_shown() {
    let (rig, _folder) = with_dead(30, |_| {}).await;
    let page = rig.get("/dlq?limit=2&offset=5").await.with_status(200);
    let ids: Vec<_> = page["dead_letters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| &l["id"])
        .collect();
    assert_eq!(ids, ["5", "6"]);
    assert_eq!((&page["ready"], &page["more"]), (&json!(30), &json!(true)));
    let groups = rig.get("/dlq/groups?kind=view").await.with_status(200);
    assert_eq!(groups["groups"][0]["count"], 30);
    let shown = rig.get("/dlq/7").await.with_status(200);
    assert_eq!(
        (&shown["reason"], &shown["body"]["event_id"]),
        (&json!("neo4j-value"), &json!("7"))
    );
    rig.get("/dlq/none").await.problem(404);
    rig.get("/dlq?colour=red").await.problem(400);
    rig.get("/dlq?since=yesterday").await.problem(400);
    assert_eq!(depths(&rig), (30, 0, 0));
}

#[tokio::test]
async fn what_the_configuration_names_is_masked() {
    let (rig, _folder) = with_dead(1, |config| config.dlq.redact = vec!["/email".to_owned()]).await;
    let shown = rig.get("/dlq/0").await.with_status(200);
    assert_eq!(
        (&shown["body"]["email"], &shown["redacted"]),
        (&json!("***"), &json!(true))
    );
}

#[tokio::test]
async fn a_replay_goes_to_the_queue_of_origin_and_stands_in_the_audit_log() {
    let (rig, folder) = with_dead(10, |_| {}).await;
    let dry = post(&rig, "/dlq/replay", &json!({"all": true, "dryRun": true})).await;
    assert_eq!(dry.with_status(200)["done"], 10);
    assert_eq!(depths(&rig), (10, 0, 0));
    let one = post(&rig, "/dlq/replay", &json!({"id": "3"}))
        .await
        .with_status(200);
    assert_eq!((&one["done"], depths(&rig)), (&json!(1), (9, 1, 0)));
    let filter = json!({"filter": {"kind": ["view"], "queue": ["neo4j"]}, "limit": 4});
    assert_eq!(
        post(&rig, "/dlq/replay", &filter).await.with_status(200)["done"],
        4
    );
    let to = json!({"all": true, "to": "qdrant"});
    assert_eq!(
        post(&rig, "/dlq/replay", &to).await.with_status(200)["done"],
        5
    );
    assert_eq!(depths(&rig), (0, 5, 5));
    let log = std::fs::read_to_string(folder.path().join("audit.ndjson")).unwrap();
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(first["who"], "http:127.0.0.1");
    assert_eq!((log.lines().count(), &first["run"]), (6, &one["run"]));
    let state = rig.get("/dlq/replay").await.with_status(200);
    assert_eq!(
        (&state["running"], &state["report"]["done"]),
        (&json!(false), &json!(5))
    );
}

#[tokio::test]
async fn a_purge_and_a_replay_need_a_selection() {
    let (rig, _folder) = with_dead(3, |_| {}).await;
    for path in ["/dlq/replay", "/dlq/purge"] {
        for body in ["{}", "", "{\"everything\":true}"] {
            rig.send(Request::new("POST", path).body(body))
                .await
                .problem(400);
        }
    }
    assert_eq!(depths(&rig), (3, 0, 0));
    let purged = post(&rig, "/dlq/purge", &json!({"id": ["0", "2"]})).await;
    assert_eq!(
        (&purged.with_status(200)["done"], depths(&rig).0),
        (&json!(2), 1)
    );
}

#[tokio::test]
async fn one_change_at_a_time_and_its_progress_can_be_seen() {
    let (rig, _folder) = with_dead(30, |_| {}).await;
    let body = json!({"all": true, "rate": 20}).to_string();
    let (addr, request) = (rig.addr, Request::new("POST", "/dlq/replay").body(body));
    let slow = tokio::spawn(async move { request.send(addr).await });
    eventually("the replay has begun", || depths(&rig).1 > 0).await;
    post(&rig, "/dlq/purge", &json!({"all": true}))
        .await
        .problem(409);
    let state = rig.get("/dlq/replay").await.with_status(200);
    assert_eq!(
        (&state["running"], &state["ready"]),
        (&json!(true), &json!(30))
    );
    assert_eq!(slow.await.unwrap().with_status(200)["done"], 30);
    assert_eq!(depths(&rig), (0, 30, 0));
}

#[tokio::test]
async fn a_client_that_goes_does_not_end_its_replay() {
    let (rig, _folder) = with_dead(30, |_| {}).await;
    let body = json!({"all": true, "rate": 30}).to_string();
    let (addr, request) = (rig.addr, Request::new("POST", "/dlq/replay").body(body));
    let gone = tokio::spawn(async move { request.send(addr).await });
    eventually("the replay has begun", || depths(&rig).1 > 0).await;
    gone.abort();
    eventually("all is replayed", || depths(&rig) == (0, 30, 0)).await;
}

#[tokio::test]
async fn with_a_token_everything_needs_it_and_without_one_the_same_host() {
    let token = |config: &mut Config| config.http.api_token = Some(Secret::new("s3cret"));
    let (rig, _folder) = with_dead(1, token).await;
    for path in ["/dlq", "/dlq/groups", "/dlq/0", "/dlq/replay"] {
        rig.get(path).await.problem(401);
        let right = Request::get(path).header("authorization", "Bearer s3cret");
        rig.send(right).await.with_status(200);
    }
    post(&rig, "/dlq/replay", &json!({"all": true}))
        .await
        .problem(401);
    post(&rig, "/dlq/purge", &json!({"all": true}))
        .await
        .problem(401);
    assert_eq!(depths(&rig).0, 1);
    let (rig, _folder) = with_dead(1, |_| {}).await;
    let proxied = Request::get("/dlq").header("x-forwarded-for", "10.0.0.7");
    rig.send(proxied).await.problem(403);
}
