//! Much of everything at once: repeats, disorder, rubbish; lanes and processes.

use crate::rig::{Rig, ends, tail};
use crate::shop::Shop;
use crate::support::neo4j::Neo4j;
use crate::support::queues;

const EVENTS: usize = 100_000;

/// Published: all events, 5 % of them twice, and 1 % of messages that are none, shuffled.
async fn published(name: &str) -> (Rig, Shop) {
    let rig = Rig::new(name).await;
    let mut shop = Shop::new(name);
    let mut messages = shop.with_repeats(EVENTS, 5);
    messages.extend(shop.malformed(EVENTS / 100));
    shop.shuffle(&mut messages);
    assert_eq!(messages.len(), EVENTS * 106 / 100);
    queues::publish(&rig.broker, messages).await;
    (rig, shop)
}

/// Projects everything with workers of these flags, and checks the outcome.
async fn project(name: &str, workers: &[&[&str]]) {
    let neo4j = Neo4j::shared().await;
    let (rig, shop) = published(name).await;
    let bolt = neo4j.bolt_port().await;
    let programs: Vec<_> = workers.iter().map(|_| rig.program(bolt)).collect();
    let start = std::time::Instant::now();
    let running: Vec<_> = std::iter::zip(&programs, workers)
        .map(|(program, flags)| program.start(flags))
        .collect();
    for worker in running {
        let ended = ends(worker).await;
        assert_eq!(ended.code, Some(0), "{}", tail(&ended.stderr));
    }
    println!("{EVENTS} events in {:?}", start.elapsed());
    rig.check_queues(&shop).await;
    shop.check(neo4j).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_hundred_thousand_events_through_three_lanes_are_counted_exactly() {
    let flags: &[&str] = &["--queue", "neo4j", "--workers", "3", "--until-empty"];
    project("lanes", &[flags]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_hundred_thousand_events_through_three_processes_are_counted_exactly() {
    let flags: &[&str] = &["--queue", "neo4j", "--until-empty"];
    project("processes", &[flags; 3]).await;
}
