use std::time::Duration;

use fanout::broker::HeaderValue;
use serde_json::json;
use tokio::time::Instant;

use super::rig::{Rig, dead};
use super::{DLQ, NEO4J, QDRANT};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_replay_of_one_a_group_a_filter_and_all_goes_to_the_queue_of_origin_only() {
    let rig = Rig::new("dlq-replay").await;
    rig.dead(10).await;
    rig.publish((10..15).map(|id| dead(&id.to_string(), NEO4J, "panic")))
        .await;
    rig.publish([dead("q", QDRANT, "panic")]).await;
    let dry = rig.json(&["replay", "--all", "--dry-run"]);
    assert_eq!((&dry["done"], &dry["dry_run"]), (&json!(16), &json!(true)));
    rig.ready_is(DLQ, 16).await;
    let one = rig.json(&["replay", "--id", "3"]);
    assert_eq!(
        one["by"],
        json!([{"queue": NEO4J, "reason": "neo4j-value", "count": 1}])
    );
    let groups = rig.json(&["group", "--reason", "neo4j-value"]);
    let group = groups["groups"][0]["id"].as_str().unwrap();
    assert_eq!(
        rig.json(&["replay", "--group", group, "--limit", "4"])["done"],
        4
    );
    assert_eq!(
        rig.json(&["replay", "--queue", "neo4j", "--reason", "panic"])["done"],
        5
    );
    rig.ready_is(QDRANT, 0).await;
    assert_eq!(rig.json(&["replay", "--all"])["done"], 6);
    rig.ready_is(DLQ, 0).await;
    rig.ready_is(QDRANT, 1).await;
    let back = rig.take(NEO4J, 15).await;
    assert_eq!(back[0].properties.message_id.as_deref(), Some("3"));
    let headers = &back[0].properties.headers;
    assert_eq!(headers["fanout-attempt"], HeaderValue::Int(1));
    assert_eq!(headers["fanout-replay"].as_str(), one["run"].as_str());
    let log = rig.audit();
    assert_eq!(log.len(), 8, "a dry run is no change: {log:?}");
    assert_eq!(
        (&log[1]["action"], &log[1]["count"], &log[1]["result"]),
        (&json!("replay"), &json!(1), &json!("done"))
    );
    assert!(
        rig.program
            .run(&["dlq", "replay"])
            .bad(2)
            .contains("nothing is selected")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_rate_is_kept_and_a_redirect_goes_where_it_is_told() {
    let rig = Rig::new("dlq-rate").await;
    rig.dead(60).await;
    let start = Instant::now();
    assert_eq!(
        rig.json(&["replay", "--all", "--limit", "50", "--rate", "25"])["done"],
        50
    );
    assert!(
        start.elapsed() > Duration::from_millis(1_900),
        "{:?}",
        start.elapsed()
    );
    let refused = rig
        .program
        .run(&["dlq", "redirect", "--all", "--to", "events.dlq"]);
    refused.bad(2);
    let report = rig.json(&["redirect", "--all", "--to", "qdrant"]);
    assert_eq!(
        (&report["done"], &report["by"][0]["queue"]),
        (&json!(10), &json!(QDRANT))
    );
    rig.ready_is(QDRANT, 10).await;
    rig.ready_is(NEO4J, 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_purge_asks_and_deletes_what_is_meant() {
    let rig = Rig::new("dlq-purge").await;
    rig.dead(5).await;
    let refused = rig.program.run(&["dlq", "purge", "--all"]).bad(2);
    assert!(refused.contains("--yes"), "{refused}");
    assert_eq!(rig.json(&["purge", "--all", "--dry-run"])["done"], 5);
    rig.ready_is(DLQ, 5).await;
    assert_eq!(rig.json(&["purge", "--id", "2", "--yes"])["done"], 1);
    rig.ready_is(DLQ, 4).await;
    assert_eq!(rig.ids(DLQ).await, ["0", "1", "3", "4"]);
    let log = rig.audit();
    assert_eq!(
        (&log[0]["action"], &log[0]["what"]["filter"]["id"]),
        (&json!("purge"), &json!(["2"]))
    );
}
