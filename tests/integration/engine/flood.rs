//! A bad deploy must not pour a queue into the dead-letter queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fanout::broker::Message;
use fanout_contract::Outcome;

use super::fake::{BAD, Fake, permanent};
use super::rig::{Rig, ids};
use super::{DLQ, QUEUE, SOON, event};
use crate::support::eventually;
use crate::support::ledger::Ledger;

const COUNT: usize = 10_000;
const BATCH: usize = 100;
/// A window of 1,000 events has to be seen before anything can be said about it, and each
/// lane may have a batch in the call meanwhile.
const MOST_DEAD: u64 = 1500;

/// Every twentieth is of a kind that is applied.
fn messages() -> impl Iterator<Item = Message> {
    let kind = |n| if n % 20 == 0 { "good" } else { "broken" };
    (0..COUNT).map(move |n| event(&n.to_string(), kind(n)))
}

fn deploy(fixed: &Arc<AtomicBool>) -> Arc<Fake> {
    let fixed = fixed.clone();
    Arc::new(Fake::new(move |event| {
        if event.kind() == "good" || fixed.load(Ordering::SeqCst) {
            Outcome::applied()
        } else {
            permanent()
        }
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn when_19_of_20_events_are_permanent_with_one_code_consumption_pauses_and_the_queue_is_kept()
{
    let rig = Rig::new("flood", |config| {
        config.worker.lanes = 2;
        config.queues.get_mut("neo4j").unwrap().batch.max_events = BATCH;
    })
    .await;
    rig.publish(messages()).await;
    let fake = deploy(&Arc::default());
    let running = rig.start(fake.clone());
    let paused = running
        .shows("the guard pauses", |s| {
            s.flood.is_some() && s.in_flight == 0
        })
        .await;
    assert_eq!(paused.flood, Some(BAD));
    assert!(
        paused.lanes.iter().all(|lane| !lane.consuming),
        "{paused:?}"
    );
    let dead = rig.ready(DLQ).await;
    println!("{dead} dead letters");
    assert!((1..MOST_DEAD).contains(&dead), "{dead}");
    let left = COUNT as u64 - dead - paused.counts.applied;
    eventually("the rest is back in its queue", SOON, async || {
        (rig.ready(QUEUE).await >= left).then_some(())
    })
    .await;
    let kept = ids(&rig.look_into(QUEUE).await);
    let dead_ids = ids(&rig.look_into(DLQ).await);
    let mut ledger = Ledger::default();
    ledger.published((0..COUNT).map(|n| n.to_string()));
    let ends = fake.applied().into_iter().chain(dead_ids).chain(kept);
    let found = ledger.compare(ends);
    assert_eq!((found.missing, found.extra), (Vec::new(), Vec::new()));
    // The broker may lose the last acknowledgements of a channel that closes: they come again.
    assert!(
        found.duplicated.len() <= 2 * BATCH,
        "{:?}",
        found.duplicated
    );
    assert_eq!(running.drain().await.dead_lettered, dead);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn after_the_pause_a_fixed_deploy_applies_what_was_kept() {
    let rig = Rig::new("flood-over", |config| {
        config.flood_guard.pause = Duration::from_secs(2);
        config.queues.get_mut("neo4j").unwrap().batch.max_events = 100;
    })
    .await;
    rig.publish(messages()).await;
    let fixed = Arc::default();
    let fake = deploy(&fixed);
    let running = rig.start(fake.clone());
    running
        .shows("the guard pauses", |s| s.flood.is_some())
        .await;
    fixed.store(true, Ordering::SeqCst);
    let done = running
        .shows("all settled", |s| {
            s.counts.applied + s.counts.dead_lettered == COUNT as u64 && s.flood.is_none()
        })
        .await;
    assert!(done.counts.dead_lettered < MOST_DEAD, "{done:?}");
    running.drain().await;
    let mut ledger = Ledger::default();
    ledger.published((0..COUNT).map(|n| n.to_string()));
    let dead = ids(&rig.look_into(DLQ).await);
    ledger
        .compare(fake.applied().into_iter().chain(dead))
        .assert_exact();
}
