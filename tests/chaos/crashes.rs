//! Workers that are killed or asked to end, again and again, under load.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::time::sleep;

use crate::rig::{Rig, finish, progress, ready};
use crate::shop::Shop;
use crate::support::neo4j::Neo4j;
use crate::support::{eventually, queues};

/// Small batches and a small window, so that a kill hits something at any moment and what
/// crashes count against moves on.
const SMALL: &str = "[queues.neo4j]\nprefetch = 200\nbatch.max_events = 50\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn after_fifty_kills_at_random_moments_all_counts_are_exact() {
    const KILLS: usize = 50;
    let neo4j = Neo4j::shared().await;
    let rig = Rig::new("kills").await;
    let mut shop = Shop::new("kills");
    let program = rig.program(neo4j.bolt_port().await).file(SMALL);
    let first = shop.with_repeats(2000, 5);
    queues::publish(&rig.broker, first).await;
    let mut amid = 0;
    for _ in 0..KILLS {
        let more = shop.with_repeats(500, 5);
        queues::publish(&rig.broker, more).await;
        let worker = program.start(&["--queue", "neo4j", "--workers", "3"]);
        // One in four while it starts, the others at work.
        let starting = shop.rng().u8(0..4) == 0;
        if !starting {
            ready(&worker).await;
        }
        let moment = Duration::from_millis(shop.rng().u64(0..500));
        // sleep: the moment of the kill is random
        sleep(moment).await;
        let left = queues::ready(&rig.broker, crate::shop::QUEUE).await;
        worker.signal(Signal::SIGKILL);
        assert_eq!(worker.ended().code, None);
        amid += usize::from(left > 0 && !starting);
    }
    println!("{amid} of {KILLS} kills amid a backlog");
    assert!(amid > KILLS / 5, "too few kills hit work: {amid}");
    finish(&rig, &program, neo4j, &shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn asked_to_end_under_load_a_worker_drains_within_thirty_seconds_and_leaves_nothing_undone() {
    const RESTARTS: usize = 5;
    let neo4j = Neo4j::shared().await;
    let rig = Rig::new("restarts").await;
    let mut shop = Shop::new("restarts");
    let program = rig.program(neo4j.bolt_port().await);
    for _ in 0..RESTARTS {
        let more = shop.with_repeats(8000, 5);
        queues::publish(&rig.broker, more).await;
        let worker = program.start(&["--queue", "neo4j", "--workers", "3"]);
        eventually("it is at work", crate::rig::SOON, async || {
            (progress(&worker) > 500).then_some(())
        })
        .await;
        let load = queues::ready(&rig.broker, crate::shop::QUEUE).await;
        let asked = Instant::now();
        worker.signal(Signal::SIGTERM);
        let ended = worker.ended();
        println!("{:?} with {load} waiting", asked.elapsed());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(asked.elapsed() < Duration::from_secs(30));
    }
    finish(&rig, &program, neo4j, &shop).await;
}
