//! Crashes: who is to blame, and who only stood by.

use std::sync::Arc;

use fanout::broker::Broker;
use fanout_contract::{Batch, Failure, Outcomes, Processor};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::fake::Fake;
use super::rig::{Rig, ids};
use super::{DLQ, QUEUE, SOON, event, events};
use crate::support::ledger::Ledger;
use crate::support::within;

const WINDOW: u16 = 20;
const SUSPECTS: &str = "events.neo4j.suspect";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_thousand_crash_redeliveries_of_a_whole_prefetch_window_dead_letter_nobody() {
    const CRASHES: u64 = 1000;
    let rig = Rig::new("redelivered", |_| {}).await;
    rig.publish(events(WINDOW.into(), "view")).await;
    for _ in 0..CRASHES {
        let mut subscription = rig.broker.consume(QUEUE, WINDOW).await.unwrap();
        for _ in 0..WINDOW {
            let next = within("a delivery", SOON, subscription.deliveries.next()).await;
            next.unwrap().unwrap();
        }
        subscription.channel.close().await.unwrap();
    }
    rig.ready_is(QUEUE, WINDOW.into()).await;
    let held = rig.look_into(QUEUE).await;
    assert!(
        held.iter().all(|d| d.delivery_count == Some(CRASHES)),
        "{held:?}"
    );

    let fake = Fake::applies();
    let running = rig.start(fake.clone());
    let done = running
        .shows("all applied", |s| s.counts.applied == u64::from(WINDOW))
        .await;
    assert_eq!(done.counts.suspects, u64::from(WINDOW));
    assert!(
        fake.calls().iter().all(|call| call.len() == 1),
        "each alone"
    );
    let mut ledger = Ledger::default();
    ledger.published((0..WINDOW).map(|id| id.to_string()));
    ledger.compare(fake.applied()).assert_exact();
    running.drain().await;
    for queue in [QUEUE, SUSPECTS, DLQ] {
        assert_eq!(rig.ready(queue).await, 0, "{queue}");
    }
}

/// Kills the process that takes a certain event: says so, and never answers.
struct Deadly {
    fake: Arc<Fake>,
    kills: mpsc::UnboundedSender<()>,
}

impl Processor for Deadly {
    fn name(&self) -> &'static str {
        "deadly"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        async move {
            if batch.events().iter().any(|e| e.id().as_str() == "killer") {
                let _ = self.kills.send(());
                std::future::pending::<()>().await;
            }
            self.fake.process(batch).await
        }
        .boxed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn an_event_that_kills_the_process_ends_alone_in_the_dlq_as_crash_suspect() {
    let rig = Rig::new("killer", |_| {}).await;
    let before = events(50, "view");
    let after = (100..150).map(|n| event(&n.to_string(), "view"));
    rig.publish(
        before
            .into_iter()
            .chain([event("killer", "view")])
            .chain(after),
    )
    .await;
    let (kills, mut killed) = mpsc::unbounded_channel();
    let fake = Fake::applies();
    let processor = Arc::new(Deadly {
        fake: fake.clone(),
        kills,
    });
    let mut crashes = 0;
    let last = loop {
        let running = rig.start(processor.clone());
        let dead = running.shows("a dead letter", |s| s.counts.dead_lettered == 1);
        let crashed = tokio::select! {
            _ = dead => false,
            _ = killed.recv() => true,
        };
        if !crashed {
            break running;
        }
        crashes += 1;
        assert!(crashes < 50);
        running.crash().await;
    };
    println!("{crashes} crashes");
    // Ten in the company of others, three alone.
    assert_eq!(crashes, 13);
    let mut ledger = Ledger::default();
    ledger.published((0..50).chain(100..150).map(|id| id.to_string()));
    let complete = || ledger.compare(fake.applied()).missing.is_empty();
    last.shows("all applied", |s| s.in_flight == 0 && complete())
        .await;
    // What was not acknowledged in time for a crash is applied again.
    rig.ready_is(SUSPECTS, 0).await;
    last.drain().await;
    let dead = rig.look_into(DLQ).await;
    assert_eq!(ids(&dead), ["killer"]);
    let reason = dead[0].message.properties.headers["fanout-reason"].as_str();
    assert_eq!(reason, Some("crash-suspect"));
    ledger.compare(fake.applied()).assert_complete();
    assert_eq!(rig.ready(QUEUE).await, 0);
}
