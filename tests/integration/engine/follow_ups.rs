//! Follow-up events, and what a crash does to them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fanout::config::{ExchangeConfig, ExchangeKind};
use fanout_contract::{Batch, EventId, Failure, FollowUp, Outcome, Outcomes, Processor};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::fake::Fake;
use super::rig::{Rig, ids};
use super::tap::{Stop, Tap};
use super::{DLQ, QUEUE, event};

/// Commits an event with its follow-ups in one row, and answers a repeat from that row. What
/// it would make of the event by then is something else.
#[derive(Default)]
struct Ordered {
    rows: Mutex<BTreeMap<EventId, Vec<FollowUp>>>,
    calls: AtomicUsize,
}

impl Processor for Ordered {
    fn name(&self) -> &'static str {
        "ordered"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        async move {
            let call = self.calls.fetch_add(1, Ordering::SeqCst);
            let mut outcomes = Outcomes::unsettled(batch);
            let mut rows = self.rows.lock().unwrap();
            for (slot, event) in batch.iter() {
                let made = || {
                    ["order.confirmed", "order.billed"]
                        .map(|kind| FollowUp::new(kind, json!({"made_by_call": call})))
                        .to_vec()
                };
                let row = rows.entry(event.id().clone()).or_insert_with(made);
                outcomes.set(slot, Outcome::Applied(row.clone()));
            }
            Ok(outcomes)
        }
        .boxed()
    }
}

/// Follow-ups go to a queue of their own.
fn orders(config: &mut fanout::config::Config) {
    config.exchanges.push(ExchangeConfig {
        name: "orders".to_owned(),
        kind: ExchangeKind::Topic,
    });
    let route = |kind: &str| {
        let route = fanout::config::FollowUpRoute {
            exchange: "orders".to_owned(),
            routing_key: None,
        };
        (kind.to_owned(), route)
    };
    config.follow_ups = ["order.confirmed", "order.billed"].map(route).into();
    let qdrant = config.queues.get_mut("qdrant").unwrap();
    qdrant.bindings[0].exchange = "orders".to_owned();
    qdrant.bindings[0].keys = vec!["order.*".to_owned()];
}

async fn published(rig: &Rig) -> Vec<(String, Bytes)> {
    let found = rig.look_into("events.qdrant").await;
    let id = |d: &fanout::broker::Delivery| d.message.properties.message_id.clone().unwrap();
    found
        .iter()
        .map(|d| (id(d), d.message.body.clone()))
        .collect()
}

/// Stops the publishing of the second follow-up as a crash would, and starts again.
async fn crash(name: &str, stop: Stop) -> Vec<(String, Bytes)> {
    let rig = Rig::new(name, orders).await;
    let processor = Arc::new(Ordered::default());
    let tap = Tap::stopping(rig.broker.clone(), move |message| {
        (message.routing_key == "order.billed").then_some(stop)
    });
    let running = rig.start_on(tap.clone(), "neo4j", processor.clone());
    rig.publish([event("o1", "order.placed")]).await;
    tap.stopped(1).await;
    assert_eq!(running.counts().applied, 0);
    running.crash().await;
    rig.ready_is(QUEUE, 1).await;

    let running = rig.start(processor.clone());
    let done = running.shows("applied", |s| s.counts.applied == 1 && s.in_flight == 0);
    assert_eq!(done.await.counts.follow_ups, 2);
    running.drain().await;
    assert_eq!(processor.calls.load(Ordering::SeqCst), 2);
    assert_eq!((rig.ready(QUEUE).await, rig.ready(DLQ).await), (0, 0));
    published(&rig).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn killed_between_the_commit_and_the_follow_ups_the_repeat_publishes_the_same_ones() {
    let published = crash("follow-before", Stop::Before).await;
    let confirmed = |(id, body): &(String, Bytes)| (id.clone(), body.clone());
    // The first one went out before and after the crash, the second only after.
    assert_eq!(published.len(), 3, "{published:?}");
    let distinct: BTreeMap<_, _> = published.iter().map(confirmed).collect();
    assert_eq!(distinct.len(), 2, "{published:?}");
    for (id, body) in &published {
        assert_eq!(distinct[id], *body, "the same content");
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!(body["payload"], json!({"made_by_call": 0}));
        assert_eq!(body["eventId"], json!(id));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn killed_between_the_follow_ups_and_the_acknowledgement_the_repeat_has_the_same_ids() {
    let published = crash("follow-after", Stop::After).await;
    assert_eq!(published.len(), 4, "{published:?}");
    let (first, second) = published.split_at(2);
    assert_eq!(first, second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_follow_up_that_no_queue_takes_becomes_its_own_dead_letter_and_its_source_is_done() {
    let rig = Rig::new("unroutable-follow-up", |config| {
        orders(config);
        config.queues.get_mut("qdrant").unwrap().bindings[0].keys =
            vec!["order.confirmed".to_owned()];
    })
    .await;
    let nowhere = FollowUp::new("order.lost", json!({})).to("no-such-exchange", "x");
    let fake = Arc::new(Fake::new(move |_| {
        let kinds = ["order.confirmed", "order.billed"];
        let mut all = kinds
            .map(|kind| FollowUp::new(kind, json!({"n": 1})))
            .to_vec();
        all.push(nowhere.clone());
        Outcome::Applied(all)
    }));
    let running = rig.start(fake.clone());
    rig.publish([event("o1", "order.placed")]).await;
    running
        .shows("applied", |s| s.counts.applied == 1 && s.in_flight == 0)
        .await;
    running
        .shows("no problem", |s| s.publish_problem.is_none())
        .await;
    running.drain().await;
    assert_eq!(fake.applied(), ["o1"]);
    assert_eq!(published(&rig).await.len(), 1);
    let dead = rig.look_into(DLQ).await;
    assert_eq!(dead.len(), 2, "{:?}", ids(&dead));
    for (dead, kind) in dead.iter().zip(["order.billed", "order.lost"]) {
        let properties = &dead.message.properties;
        assert_eq!(properties.kind.as_deref(), Some(kind));
        assert_eq!(
            properties.headers["fanout-reason"].as_str(),
            Some("unroutable")
        );
        assert_eq!(
            properties.headers["fanout-origin-queue"].as_str(),
            Some(QUEUE)
        );
    }
    assert_eq!(
        dead[1].message.properties.headers["fanout-exchange"].as_str(),
        Some("no-such-exchange")
    );
    assert_eq!(rig.ready(QUEUE).await, 0);
}
