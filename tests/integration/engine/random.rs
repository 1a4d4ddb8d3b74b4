//! Random outcomes of every sort against the real acknowledgement rules.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use fanout::broker::Broker;
use fanout_contract::{Event, Failure, Outcome, Remedy, SkipReason, codes};

use super::fake::{BUSY, Fake, permanent, transient};
use super::rig::{Rig, ids};
use super::tap::Tap;
use super::{DLQ, QUEUE, events};
use crate::support::ledger::Ledger;

const COUNT: usize = 5000;

/// The same for the same event and attempt: what is replayed shows.
fn verdict(seed: u64, event: &Event) -> Outcome {
    let mut hasher = DefaultHasher::new();
    (seed, event.id().as_str(), event.attempt()).hash(&mut hasher);
    match hasher.finish() % 100 {
        0..70 => Outcome::applied(),
        70..80 => Outcome::Skipped(SkipReason::OlderVersion),
        80..90 => transient(),
        90..96 => permanent(),
        _ => given_back(),
    }
}

/// Given back once in two, by chance.
fn given_back() -> Outcome {
    match fastrand::u8(0..4) {
        0 => Outcome::Failed(Failure::unavailable(BUSY, "busy")),
        1 => {
            let failure = Failure::unavailable(codes::CONTENTION, "in the way");
            Outcome::Failed(failure.with_remedy(Remedy::Yield))
        }
        _ => Outcome::Skipped(SkipReason::Duplicate),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn random_outcomes_in_three_lanes_never_close_a_channel_and_replay_nothing_that_was_settled()
{
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let rig = Rig::new("random", |config| {
        config.worker.lanes = 3;
        config.worker.overtake_after = Duration::from_millis(20);
        let queue = config.queues.get_mut("neo4j").unwrap();
        queue.retry_delays = vec![Duration::ZERO, Duration::from_millis(200)];
        queue.batch.max_events = 50;
    })
    .await;
    let fake = Arc::new(Fake::new(move |event| verdict(seed, event)));
    let tap = Tap::open(rig.broker.clone());
    let running = rig.start_on(tap.clone(), "neo4j", fake.clone());
    rig.publish(events(COUNT, "view")).await;
    let ended = |s: &fanout::engine::Snapshot| {
        let c = s.counts;
        c.applied + c.skipped + c.dead_lettered >= COUNT as u64 && s.in_flight == 0
    };
    let snapshot = running.shows("all settled", ended).await;
    println!("{:?}", snapshot.counts);
    let counts = running.drain().await;

    // A channel that was closed would have been opened again.
    assert_eq!(tap.opened(), 3);
    assert_eq!(rig.broker.status().borrow().epoch, 1);
    let sum = counts.applied + counts.skipped + counts.dead_lettered;
    assert_eq!(sum, COUNT as u64, "{counts:?}");
    let sights: u32 = fake.sights().values().sum();
    let expected = sum + counts.retried + counts.given_back;
    assert_eq!(u64::from(sights), expected, "{counts:?}");
    let mut ledger = Ledger::default();
    ledger.published((0..COUNT).map(|id| id.to_string()));
    let seen: BTreeSet<_> = fake.sights().into_keys().map(|(id, _)| id).collect();
    ledger.compare(seen).assert_exact();
    let dead = ids(&rig.look_into(DLQ).await);
    assert_eq!(dead.len() as u64, counts.dead_lettered);
    let ends = fake.applied().into_iter().chain(dead);
    let findings = ledger.compare(ends);
    assert!(findings.duplicated.is_empty(), "{findings}");
    assert_eq!(rig.ready(QUEUE).await, 0);
}
