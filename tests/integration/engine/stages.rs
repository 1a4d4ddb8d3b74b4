//! Retry stages and the headers of what comes out of them.

use std::sync::Arc;
use std::time::Duration;

use fanout::broker::{HeaderValue, Headers};
use fanout_contract::{Event, Outcome};
use serde_json::{Value, json};

use super::fake::{Fake, transient};
use super::rig::Rig;
use super::{DLQ, QUEUE, body, message};

const STAGES: [u64; 3] = [300, 900, 1800];

fn verdict(event: &Event) -> Outcome {
    match event.kind() {
        "flaky" if event.attempt() == 3 => Outcome::applied(),
        "good" => Outcome::applied(),
        _ => transient(),
    }
}

fn text<'a>(headers: &'a Headers, name: &str) -> &'a str {
    headers[name].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_failing_event_waits_in_each_stage_and_ends_in_the_dlq_and_the_other_queue_sees_it_once()
{
    let rig = Rig::new("stages", |config| {
        let queue = config.queues.get_mut("neo4j").unwrap();
        queue.retry_delays = STAGES.map(Duration::from_millis).to_vec();
    })
    .await;
    let fake = Arc::new(Fake::new(verdict));
    let running = rig.start(fake.clone());
    let mut bad = message("events", "some.key", "bad", body("bad", "bad"));
    bad.properties.kind = Some("bad".to_owned());
    bad.properties.app_id = Some("shop".to_owned());
    bad.properties.timestamp = Some(1_767_225_600);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let foreign = [("traceparent", trace), ("tenant", "t1")];
    bad.properties.headers = foreign.map(|(k, v)| (k.to_owned(), v.into())).into();
    let flaky = message("events", "", "flaky", body("flaky", "flaky"));
    let good = message("events", "", "good", body("good", "good"));
    rig.publish([bad.clone(), flaky, good]).await;
    let seen = running.shows("the end", |s| s.counts.dead_lettered == 1);
    assert_eq!(seen.await.counts.applied, 2);

    let sights = fake.seen("bad");
    let attempts: Vec<_> = sights.iter().map(|seen| seen.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
    for (pair, stage) in sights.windows(2).zip(STAGES.map(Duration::from_millis)) {
        let gap = pair[1].at - pair[0].at;
        println!("stage {stage:?}: {gap:?}");
        // A loaded machine adds, but nothing takes away.
        assert!(
            gap >= stage && gap < stage + Duration::from_secs(10),
            "{gap:?}"
        );
    }
    assert_eq!(fake.seen("flaky").len(), 3);
    assert_eq!(fake.seen("good").len(), 1);

    let dead = rig.look_into(DLQ).await;
    assert_eq!(dead.len(), 1);
    let dead = &dead[0].message;
    assert_eq!(dead.body, bad.body);
    check_dead_letter(&dead.properties.headers);
    assert_eq!(text(&dead.properties.headers, "traceparent"), trace);
    assert_eq!(text(&dead.properties.headers, "tenant"), "t1");
    let mut properties = dead.properties.clone();
    properties.headers = bad.properties.headers.clone();
    assert_eq!(properties, bad.properties);

    let others = rig.look_into("events.qdrant").await;
    assert_eq!(others.len(), 3);
    let its = others.iter().find(|d| d.message.body == bad.body).unwrap();
    assert_eq!(its.message.properties, bad.properties);
    let counts = running.drain().await;
    assert_eq!((counts.retried, counts.given_back), (5, 0));
    for stage in ["300ms", "900ms", "1800ms"] {
        assert_eq!(rig.ready(&format!("{QUEUE}.retry.{stage}")).await, 0);
    }
    assert_eq!(rig.ready(QUEUE).await, 0);
}

fn check_dead_letter(headers: &Headers) {
    assert_eq!(headers["fanout-attempt"], HeaderValue::Int(4));
    assert_eq!(text(headers, "fanout-reason"), "payload-invalid");
    assert_eq!(text(headers, "fanout-error"), "not just now");
    assert_eq!(text(headers, "fanout-origin-queue"), QUEUE);
    assert_eq!(text(headers, "fanout-exchange"), "events");
    assert_eq!(text(headers, "fanout-routing-key"), "some.key");
    let history: Vec<Value> = serde_json::from_str(text(headers, "fanout-history")).unwrap();
    let attempts: Vec<_> = history
        .iter()
        .map(|entry| entry["attempt"].clone())
        .collect();
    assert_eq!(attempts, [json!(1), json!(2), json!(3), json!(4)]);
    for entry in &history {
        assert_eq!(
            (&entry["reason"], &entry["queue"]),
            (&json!("payload-invalid"), &json!(QUEUE))
        );
    }
    assert_eq!(history[0]["at"], text(headers, "fanout-first-failed-at"));
    let brokers = headers.keys().find(|name| name.starts_with("x-"));
    assert_eq!(brokers, None, "a header of the broker's");
}
