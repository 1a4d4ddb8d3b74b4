//! Bad events among good ones.

use std::sync::Arc;

use fanout::engine::Counts;
use fanout_contract::{Event, Outcome};

use super::fake::{Fake, permanent};
use super::rig::{Rig, ids};
use super::{DLQ, event, events};
use crate::support::ledger::Ledger;

const POISON: &str = "500";

fn verdict(event: &Event) -> Outcome {
    match event.id().as_str() {
        POISON => permanent(),
        _ => Outcome::applied(),
    }
}

/// Takes 1,000 events with one that is poison as one batch.
async fn one_batch(name: &str, fake: Fake) -> (Arc<Fake>, Counts) {
    let rig = Rig::new(name, |_| {}).await;
    let fake = Arc::new(fake.gated());
    let running = rig.start(fake.clone());
    rig.publish([event("first", "view")]).await;
    running.shows("the first call", |s| s.in_flight == 1).await;
    rig.publish(events(1000, "view")).await;
    running.shows("all held", |s| s.in_flight == 1001).await;
    fake.let_pass(1_000_000);
    running.shows("all settled", |s| s.in_flight == 0).await;

    let dead = rig.look_into(DLQ).await;
    assert_eq!(ids(&dead), [POISON]);
    assert_eq!(dead[0].message.body, super::body(POISON, "view"));
    let mut ledger = Ledger::default();
    ledger.published(["first"]);
    ledger.published((0..1000).map(|id| id.to_string()));
    ledger
        .compare(fake.applied().into_iter().chain(ids(&dead)))
        .assert_exact();
    assert!(fake.calls().iter().any(|call| call.len() == 1000));
    assert!(fake.calls().iter().flatten().all(|seen| seen.attempt == 1));
    let counts = running.drain().await;
    for queue in [super::QUEUE, "events.neo4j.retry.200ms"] {
        assert_eq!(rig.ready(queue).await, 0, "{queue}");
    }
    (fake, counts)
}

fn expected() -> Counts {
    Counts {
        applied: 1000,
        dead_lettered: 1,
        ..Counts::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_poison_event_in_a_batch_of_a_thousand_is_dead_lettered_and_the_others_are_applied_once()
{
    let (fake, counts) = one_batch("poison", Fake::new(verdict)).await;
    assert_eq!(counts, expected());
    assert_eq!(fake.calls().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_poison_event_that_fails_the_whole_batch_is_found_by_halving_and_costs_the_others_nothing()
 {
    let (fake, counts) = one_batch("poison-batch", Fake::new(verdict).all_or_nothing()).await;
    assert_eq!(counts, expected());
    // Two halves for each of the ten levels of a thousand, the whole, and the first event.
    let calls = fake.calls().len();
    assert!(calls <= 22, "{calls} calls");
}
