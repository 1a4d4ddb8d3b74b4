//! What is taken, and under which ids.

use serde_json::json;
use uuid::Uuid;

use crate::client::Request;
use crate::intake::Answers;
use crate::rig::{Rig, event};

const BARE: &str = r#"{"user_id":1,"product_id":100,"event_type":"view","user_session":"s1"}"#;

#[tokio::test]
async fn an_event_is_in_every_queue_before_the_answer_is_202() {
    let rig = Rig::start().await;
    let answer = rig.post(BARE).await;
    let id = answer.ids().remove(0);
    assert_eq!(answer.json()["spooled"], 0);
    for key in ["neo4j", "qdrant"] {
        let message = rig.queue(key).remove(0);
        assert_eq!(message.body, BARE.as_bytes());
        let properties = message.properties;
        assert_eq!(properties.message_id.as_ref(), Some(&id));
        assert_eq!(properties.kind.as_deref(), Some("view"));
        assert_eq!(properties.app_id.as_deref(), Some("fanout-serve"));
        assert_eq!(properties.content_type.as_deref(), Some("application/json"));
        assert!(properties.persistent);
    }
}

#[tokio::test]
async fn an_event_without_an_id_gets_one_that_is_ordered_by_time() {
    let rig = Rig::start().await;
    let ids = rig.post(&format!("[{BARE},{BARE}]")).await.ids();
    let versions = ids
        .iter()
        .map(|id| Uuid::parse_str(id).unwrap().get_version_num());
    assert_eq!(versions.collect::<Vec<_>>(), [7, 7]);
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn the_id_of_an_event_is_kept() {
    let rig = Rig::start().await;
    let envelope = r#"{"eventId":"e-2","version":"v1","eventType":"order.placed","payload":{}}"#;
    let both = format!("[{},{envelope}]", event("view", "e-1"));
    assert_eq!(rig.post(&both).await.ids(), ["e-1", "e-2"]);
    assert_eq!(rig.queued(), ["e-1", "e-2"]);
}

#[tokio::test]
async fn an_array_arrives_in_its_order() {
    let rig = Rig::start().await;
    let ids: Vec<_> = (0..2000).map(|n| format!("e-{n}")).collect();
    let events: Vec<_> = ids.iter().map(|id| event("view", id)).collect();
    let answer = rig.post(&format!("[{}]", events.join(","))).await;
    assert!(answer.ids() == ids, "{:?}", answer.ids());
    assert!(rig.queued() == ids, "{:?}", rig.queued());
}

#[tokio::test]
async fn good_events_are_taken_beside_bad_ones_which_are_named_by_their_index() {
    let rig = Rig::start().await;
    let (first, last) = (event("view", "a"), event("cart", "b"));
    let bad = r#"[1], {"user_id":1}, {"event_type":"view","event_id":[]}"#;
    let answer = rig.post(&format!("[{first}, {bad}, {last}]")).await;
    let answer = answer.with_status(202);
    assert_eq!(answer["accepted"], 2);
    assert_eq!(answer["ids"], json!(["a", "b"]));
    let rejected: Vec<_> = answer["rejected"].as_array().unwrap().iter().collect();
    let told: Vec<_> = rejected
        .iter()
        .map(|one| (one["index"].clone(), one["problem"]["code"].clone()))
        .collect();
    let expected = [
        (json!(1), json!("body-not-object")),
        (json!(2), json!("missing-kind")),
        (json!(3), json!("id-invalid")),
    ];
    assert_eq!(told, expected);
    assert_eq!(rejected[0]["problem"]["status"], 422);
    assert_eq!(rig.queued(), ["a", "b"]);
}

#[tokio::test]
async fn where_no_event_is_taken_the_answer_is_422_and_says_why_of_each() {
    let rig = Rig::start().await;
    let problem = rig.post(r#"[{"user_id":1}, 7]"#).await.problem(422);
    assert_eq!(problem["accepted"], 0);
    assert_eq!(problem["ids"], json!([]));
    assert_eq!(problem["rejected"][1]["index"], 1);
    let problem = rig.post(r#"{"user_id":1}"#).await.problem(422);
    assert_eq!(problem["code"], "missing-kind");
    assert_eq!(problem["rejected"][0]["problem"]["code"], "missing-kind");
}

#[tokio::test]
async fn a_request_repeated_with_its_idempotency_key_gives_the_same_ids() {
    let rig = Rig::start().await;
    let send = async |key: &str| {
        let request = Request::events(format!("[{BARE},{BARE}]"));
        rig.send(request.header("idempotency-key", key)).await.ids()
    };
    let first = send("order-77").await;
    assert_eq!(send("order-77").await, first);
    assert_eq!(send("\"order-77\"").await, first);
    assert_ne!(first[0], first[1]);
    assert_ne!(send("order-78").await, first);
    let versions = first
        .iter()
        .map(|id| Uuid::parse_str(id).unwrap().get_version_num());
    assert_eq!(versions.collect::<Vec<_>>(), [5, 5]);
}

#[tokio::test]
async fn a_bad_event_does_not_move_the_ids_of_its_neighbours() {
    let rig = Rig::start().await;
    let send = async |body: String| {
        let request = Request::events(body).header("idempotency-key", "k");
        rig.send(request).await.with_status(202)["ids"][1].clone()
    };
    let good = send(format!("[{BARE},{BARE},{BARE}]")).await;
    let mended = send(format!("[{BARE},{{}},{BARE}]")).await;
    assert_ne!(good, mended);
    let third = send(format!("[{BARE},{BARE},{BARE}]")).await;
    assert_eq!(good, third);
    let ids = rig.queued();
    assert_eq!(ids[2], ids[4], "the third event has the third id");
}

#[tokio::test]
async fn an_event_that_is_on_disk_and_not_with_the_broker_is_told_apart() {
    let rig = Rig::start().await;
    rig.intake.answer(Answers::Spooled);
    let answer = rig.post(BARE).await;
    assert_eq!(answer.ids().len(), 1);
    assert_eq!(answer.json()["spooled"], 1);
}

#[tokio::test]
async fn the_trace_context_of_a_request_goes_with_its_events() {
    let rig = Rig::start().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    rig.send(Request::events(BARE).header("traceparent", parent))
        .await
        .ids();
    let headers = rig.queue("neo4j").remove(0).properties.headers;
    assert_eq!(headers["traceparent"].as_str(), Some(parent));
}

#[tokio::test]
async fn an_ordinary_client_keeps_its_connection() {
    let rig = Rig::start().await;
    let url = format!("http://{}/events", rig.addr);
    let statuses = tokio::task::spawn_blocking(move || {
        let agent = ureq::Agent::new_with_defaults();
        let post = |_| agent.post(&url).content_type("application/json").send(BARE);
        let answers = (0..50).map(post).map(Result::unwrap);
        answers
            .map(|mut answer| {
                answer.body_mut().read_to_string().unwrap();
                answer.status().as_u16()
            })
            .collect::<Vec<_>>()
    });
    assert_eq!(statuses.await.unwrap(), [202; 50]);
    assert_eq!(rig.queue("neo4j").len(), 50);
}
