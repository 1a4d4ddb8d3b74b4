//! A replay that is killed, and what a real worker then makes of it.

use std::process::Stdio;

use fanout::broker::Message;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::rig::{Rig, dead_with};
use super::{DLQ, NEO4J, SOON};
use crate::support::ledger::Ledger;
use crate::support::neo4j::{Neo4j, PASSWORD};
use crate::support::queues::ready;
use crate::support::{eventually, unique};
use crate::worker_program;

const ALL: usize = 3_000;
const PRODUCTS: usize = 100;
/// What may be published and not yet acknowledged when a replay is killed.
const ON_ITS_WAY: usize = 400;
const LEFT_EMPTY: [&str; 6] = [
    NEO4J,
    "events.neo4j.suspect",
    "events.neo4j.retry.5s",
    "events.neo4j.retry.30s",
    "events.neo4j.retry.5m",
    DLQ,
];

/// Of a user of its own, who viewed one of some products: a node with thousands of
/// relationships would be slow.
fn letter(n: usize, id: &str) -> Message {
    let event = json!({ "event_id": id, "event_type": "view", "user_id": format!("u{id}"),
        "product_id": n % PRODUCTS });
    dead_with(id, NEO4J, "neo4j-value", event.to_string().into())
}

/// Kills a replay of everything once so many have arrived.
async fn killed_after(rig: &Rig, arrived: u64) {
    let mut child = rig
        .program
        .command(&["dlq", "replay", "--all", "--rate", "2000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("some are replayed", SOON, async || {
        (ready(&rig.broker, NEO4J).await >= arrived).then_some(())
    })
    .await;
    let id = Pid::from_raw(child.id().try_into().unwrap());
    kill(id, Signal::SIGKILL).unwrap();
    child.wait().unwrap();
    // What the dead one held goes back: until then others see less.
    eventually("everything is ready again", SOON, async || {
        let there = ready(&rig.broker, NEO4J).await + ready(&rig.broker, DLQ).await;
        (there >= u64::try_from(ALL).unwrap()).then_some(())
    })
    .await;
}

async fn project(rig: &Rig, neo4j: &Neo4j) {
    let bolt = format!("bolt://127.0.0.1:{}", neo4j.bolt_port().await);
    let worker = worker_program::Program::new()
        .env("RABBITMQ_URL", rig.vhost.url().expose())
        .env("NEO4J_URI", &bolt)
        .env("NEO4J_PASSWORD", PASSWORD);
    let running = worker.start(&["--queue", "neo4j", "--workers", "3", "--until-empty"]);
    eventually("the worker ends", SOON, async || {
        running.stderr().contains("worker ended").then_some(())
    })
    .await;
    let ended = running.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

/// Every event has its effect and its row in the ledger, once.
async fn check(neo4j: &Neo4j, tag: &str, published: &Ledger) {
    let users = json!({ "tag": format!("u{tag}-") });
    let views = "MATCH (u:User)-[v:VIEWED]->() WHERE u.id STARTS WITH $tag RETURN u.id, v.count";
    let rows = neo4j.rows(views, users).await;
    let counted_once = |row: &&serde_json::Value| row[1] == 1;
    let ends = rows.iter().filter(counted_once);
    let ends = ends.map(|row| row[0].as_str().unwrap().trim_start_matches('u'));
    published.compare(ends).assert_exact();
    assert_eq!(rows.len(), ALL, "some were counted more than once");
    let ledger = "MATCH (e:AppliedEvent) WHERE e.id STARTS WITH $tag RETURN e.id";
    let rows = neo4j
        .rows(ledger, json!({ "tag": format!("{tag}-") }))
        .await;
    published
        .compare(rows.iter().map(|row| row[0].as_str().unwrap()))
        .assert_exact();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_replay_killed_three_times_loses_nothing_and_a_worker_applies_each_once() {
    let (rig, neo4j) = tokio::join!(Rig::new("dlq-kill"), Neo4j::shared());
    let tag = unique("killed");
    let ids: Vec<_> = (0..ALL).map(|n| format!("{tag}-{n}")).collect();
    let letters = ids.iter().enumerate().map(|(n, id)| letter(n, id));
    rig.publish(letters).await;
    let mut published = Ledger::default();
    published.published(ids);
    for kills in 1..=3 {
        killed_after(&rig, 500 * kills).await;
    }
    let last = rig.json(&["replay", "--all", "--force"]);
    assert!(last["done"].as_u64().unwrap() > 0, "{last}");
    rig.ready_is(DLQ, 0).await;
    let arrived = rig.ids(NEO4J).await;
    let twice = arrived.len() - ALL;
    assert!(twice <= 3 * ON_ITS_WAY, "more than was on its way: {twice}");
    published.compare(arrived).assert_complete();
    let log = rig.audit();
    let started = log.iter().filter(|e| e["stage"] == "started").count();
    assert_eq!((started, log.len()), (4, 5), "three were killed");

    project(&rig, neo4j).await;
    check(neo4j, &tag, &published).await;
    for queue in LEFT_EMPTY {
        rig.ready_is(queue, 0).await;
    }
}
