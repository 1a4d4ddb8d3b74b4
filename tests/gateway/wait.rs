//! Waiting until the stores have what was posted.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fanout::broker::{Broker, Message, Properties};
use fanout::operate::whereabouts::Stores;
use fanout_contract::{Applied, Batch, EventId, Failure, Outcomes, Processor, Trace};
use futures::future::BoxFuture;
use serde_json::json;

use crate::client::Request;
use crate::rig::{Rig, event, eventually};

/// A store that has what the test says.
#[derive(Default)]
struct Fake {
    has: Mutex<HashSet<String>>,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    fn gets(&self, id: &str) {
        self.has.lock().unwrap().insert(id.to_owned());
    }

    fn was_asked(&self, id: &str) -> bool {
        self.asked.lock().unwrap().iter().any(|asked| asked == id)
    }
}

impl Processor for Fake {
    fn name(&self) -> &str {
        "fake"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async { Ok(Outcomes::all_applied(batch)) })
    }

    fn applied<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, Result<Applied, Failure>> {
        Box::pin(async {
            let asked = ids.iter().map(ToString::to_string);
            self.asked.lock().unwrap().extend(asked);
            let has = self.has.lock().unwrap();
            let at = Some("2026-01-01T00:00:00Z".parse().unwrap());
            let trace = |id: &EventId| match has.contains(id.as_str()) {
                true => Trace::Applied { at },
                false => Trace::NotApplied,
            };
            Ok(Applied::Told(ids.iter().map(trace).collect()))
        })
    }
}

async fn two_stores() -> (Rig, Arc<Fake>, Arc<Fake>) {
    let (graph, vectors) = (Arc::new(Fake::default()), Arc::new(Fake::default()));
    let stores = Stores::new()
        .with("neo4j", Some(graph.clone()))
        .with("qdrant", Some(vectors.clone()));
    (Rig::with_stores(stores).await, graph, vectors)
}

fn waiting(query: &str, id: &str) -> Request {
    Request::new("POST", &format!("/events?{query}")).body(event("view", id))
}

#[tokio::test]
async fn an_answer_is_200_once_every_store_has_the_events() {
    let (rig, graph, vectors) = two_stores().await;
    graph.gets("a");
    let posting = tokio::spawn(waiting("wait=applied&timeout=30s", "a").send(rig.addr));
    eventually("the vectors were asked", || vectors.was_asked("a")).await;
    assert!(!posting.is_finished());
    vectors.gets("a");
    let answer = posting.await.unwrap().with_status(200);
    assert_eq!(
        (&answer["ids"], &answer["applied"], &answer["pending"]),
        (&json!(["a"]), &json!(true), &json!({}))
    );
    assert_eq!(rig.queued(), ["a"]);
}

#[tokio::test]
async fn after_the_time_the_answer_is_202_and_says_what_is_pending_where() {
    let (rig, graph, _) = two_stores().await;
    graph.gets("a");
    let began = Instant::now();
    let both = format!("[{},{}]", event("view", "a"), event("view", "b"));
    let request = Request::new("POST", "/events?wait=300ms").body(both);
    let answer = rig.send(request).await.with_status(202);
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(
        (&answer["accepted"], &answer["applied"]),
        (&json!(2), &json!(false))
    );
    let graph = json!({ "count": 1, "ids": ["b"], "problem": null });
    assert_eq!(answer["pending"]["neo4j"], graph);
    assert_eq!(answer["pending"]["qdrant"]["ids"], json!(["a", "b"]));
    assert_eq!(rig.queued(), ["a", "b"], "they are safe all the same");
}

#[tokio::test]
async fn only_the_queues_that_are_named_are_waited_for() {
    let (rig, graph, vectors) = two_stores().await;
    graph.gets("a");
    let answer = rig.send(waiting("wait=30s&queues=events.neo4j", "a")).await;
    assert_eq!(answer.with_status(200)["applied"], true);
    assert!(!vectors.was_asked("a"));
    let unknown = waiting("wait=applied&queues=nobody", "b");
    rig.send(unknown).await.problem(400);
    assert_eq!(rig.queued(), ["a"], "a wait that is refused takes nothing");
}

#[tokio::test]
async fn a_preference_is_granted_and_told() {
    let (rig, graph, vectors) = two_stores().await;
    graph.gets("a");
    vectors.gets("a");
    let request = Request::events(event("view", "a")).header("prefer", "wait=9");
    let answer = rig.send(request).await;
    answer.with_status(200);
    assert_eq!(answer.header("preference-applied"), Some("wait=9"));
}

#[tokio::test]
async fn where_a_processor_cannot_tell_a_wait_is_501_and_a_preference_of_no_account() {
    let rig = Rig::start().await;
    let refused = rig.send(waiting("wait=applied", "a")).await.problem(501);
    assert_eq!(refused["queues"], json!(["neo4j", "qdrant"]));
    assert_eq!(rig.queued(), Vec::<String>::new());
    let request = Request::events(event("view", "b")).header("prefer", "wait=9");
    let answer = rig.send(request).await;
    answer.with_status(202);
    assert_eq!(answer.header("preference-applied"), None);
    assert_eq!(rig.queued(), ["b"]);
}

#[tokio::test]
async fn events_that_are_not_taken_are_told_as_ever_and_not_waited_for() {
    let (rig, graph, vectors) = two_stores().await;
    graph.gets("a");
    vectors.gets("a");
    let bad = Request::new("POST", "/events?wait=applied").body("{}");
    rig.send(bad).await.problem(422);
    let mixed = format!("[{},{{}}]", event("view", "a"));
    let mixed = Request::new("POST", "/events?wait=applied").body(mixed);
    let answer = rig.send(mixed).await.with_status(200);
    assert_eq!(answer["rejected"][0]["index"], 1);
}

#[tokio::test]
async fn an_event_is_asked_for_by_its_id_at_once_or_until_it_is_there() {
    let (rig, graph, vectors) = two_stores().await;
    graph.gets("a b");
    let answer = rig.get("/events/a%20b").await.with_status(200);
    assert_eq!(
        (&answer["id"], &answer["applied"]),
        (&json!("a b"), &json!(false))
    );
    let there = json!({"state": "applied", "at": "2026-01-01T00:00:00Z", "problem": null});
    assert_eq!(answer["queues"]["neo4j"], there);
    assert_eq!(answer["queues"]["qdrant"]["state"], "not-applied");
    let asked = vectors.asked.lock().unwrap().len();
    let asking = tokio::spawn(Request::get("/events/a%20b?wait=30s").send(rig.addr));
    eventually("it is asked again", || {
        vectors.asked.lock().unwrap().len() > asked
    })
    .await;
    vectors.gets("a b");
    assert_eq!(asking.await.unwrap().with_status(200)["applied"], true);
}

#[tokio::test]
async fn with_a_look_the_stage_or_dead_letter_of_an_event_is_told_and_stays_there() {
    let (rig, graph, vectors) = two_stores().await;
    vectors.gets("a");
    let headers = [
        ("fanout-reason", "neo4j-value".into()),
        ("fanout-origin-queue", "events.neo4j".into()),
    ];
    let stage = "events.neo4j.retry.5m";
    let message = Message {
        routing_key: stage.to_owned(),
        properties: Properties {
            message_id: Some("a".to_owned()),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            ..Properties::default()
        },
        body: event("view", "a").into(),
        ..Message::default()
    };
    rig.broker.publish(message).await.unwrap();
    let answer = rig.get("/events/a?look=true").await.with_status(200);
    let queues = &answer["queues"];
    assert_eq!(queues["qdrant"]["state"], "applied", "{answer}");
    assert_eq!(queues["neo4j"]["state"], "retrying", "{answer}");
    let found = &queues["neo4j"]["found"][0];
    assert_eq!(
        (&found["queue"], &found["reason"]),
        (&json!(stage), &json!("neo4j-value"))
    );
    eventually("it is given back", || {
        rig.broker.server().inspect(stage).unwrap().ready.len() == 1
    })
    .await;
    assert!(graph.was_asked("a"));
    let elsewhere = Request::get("/events/a?look=true").header("x-forwarded-for", "10.0.0.7");
    rig.send(elsewhere).await.problem(403);
}

#[tokio::test]
async fn a_gateway_that_drains_lets_nobody_wait() {
    let (rig, graph, _) = two_stores().await;
    let posting = tokio::spawn(waiting("wait=60s", "a").send(rig.addr));
    eventually("the graph was asked", || graph.was_asked("a")).await;
    let began = Instant::now();
    rig.draining.cancel();
    let answer = posting.await.unwrap().with_status(202);
    assert_eq!(
        (&answer["accepted"], &answer["applied"]),
        (&json!(1), &json!(false))
    );
    assert!(began.elapsed() < Duration::from_secs(30));
}
