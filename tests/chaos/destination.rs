//! Neo4j stopped, frozen, cut off in mid-stream.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use crate::rig::{LONG, Rig, SOON, ends, finish, progress, tail};
use crate::shop::Shop;
use crate::support::neo4j::Neo4j;
use crate::support::{eventually, queues};
use crate::worker_program::{Program, Running};

/// The breaker looks again after a short while; the outage itself is real.
const BREAKER: &str = "[breaker]\nopen_for = \"2s\"\n";
const FLAGS: [&str; 4] = ["--queue", "neo4j", "--workers", "3"];

/// Waits until the worker is amid its work.
async fn amid(worker: &Running<'_>, applied: u64) {
    eventually("it is at work", SOON, async || {
        (progress(worker) > applied).then_some(())
    })
    .await;
}

/// Alive, not ready, and says what is missing; for so long.
async fn says_so(worker: &Running<'_>, duration: Duration) {
    eventually("it is not ready", SOON, async || {
        (worker.get("/ready").0 == 503).then_some(())
    })
    .await;
    let start = Instant::now();
    let before = progress(worker);
    while start.elapsed() < duration {
        let (status, ready) = worker.get("/ready");
        assert_eq!(status, 503, "{ready}");
        assert_eq!(ready["missing"][0], json!("neo4j"), "{ready}");
        assert_eq!(worker.get("/live").0, 200);
        // sleep: how often the orchestrator of containers would ask
        sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(progress(worker), before, "nothing can have been applied");
}

/// Everything is applied by the same worker, which then drains.
async fn resumes(worker: Running<'_>, shop: &Shop) {
    let all = shop.len();
    eventually("all is applied", LONG, async || {
        (progress(&worker) >= all).then_some(())
    })
    .await;
    eventually("it is ready", SOON, async || {
        (worker.get("/ready").0 == 200).then_some(())
    })
    .await;
    let counts = worker.get("/health").1["progress"].clone();
    assert_eq!(counts["retried"], json!(0), "{counts}");
    assert_eq!(counts["dead_lettered"], json!(0), "{counts}");
    worker.signal(nix::sys::signal::Signal::SIGTERM);
    let ended = ends(worker).await;
    assert_eq!(ended.code, Some(0), "{}", tail(&ended.stderr));
}

async fn rig(name: &str) -> (Rig, Shop) {
    let rig = Rig::new(name).await;
    let mut shop = Shop::new(name);
    let messages = shop.with_repeats(20_000, 5);
    queues::publish(&rig.broker, messages).await;
    (rig, shop)
}

fn program(rig: &Rig, bolt: u16, file: &str) -> Program {
    rig.program(bolt).file(file)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn neo4j_stopped_for_a_minute_costs_no_attempt_and_the_worker_resumes_by_itself() {
    let neo4j = Neo4j::own().await;
    let proxy = neo4j.proxy().await;
    let (rig, shop) = rig("stopped").await;
    let program = program(&rig, proxy.port(), BREAKER);
    let worker = program.start(&FLAGS);
    amid(&worker, 500).await;
    let stopped = Instant::now();
    neo4j.container().stop().await;
    says_so(
        &worker,
        Duration::from_secs(60).saturating_sub(stopped.elapsed()),
    )
    .await;
    neo4j.container().restart().await;
    proxy.retarget(neo4j.bolt_port().await);
    resumes(worker, &shop).await;
    finish(&rig, &program, &neo4j, &shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn neo4j_frozen_in_mid_stream_is_an_outage_and_no_fault_of_any_event() {
    const FROZEN: Duration = Duration::from_secs(30);
    let neo4j = Neo4j::own().await;
    let (rig, shop) = rig("frozen").await;
    let file =
        format!("{BREAKER}[neo4j]\nquery_timeout = \"2s\"\n[queues.neo4j]\ndeadline = \"3s\"\n");
    let program = program(&rig, neo4j.bolt_port().await, &file);
    let worker = program.start(&FLAGS);
    amid(&worker, 500).await;
    neo4j.container().pause().await;
    says_so(&worker, FROZEN).await;
    neo4j.container().unpause().await;
    resumes(worker, &shop).await;
    finish(&rig, &program, &neo4j, &shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_commit_whose_answer_is_lost_is_counted_once() {
    const CUTS: usize = 20;
    let neo4j = Neo4j::shared().await;
    let proxy = neo4j.proxy().await;
    let rig = Rig::new("cuts").await;
    let mut shop = Shop::new("cuts");
    let file = format!(
        "{}[queues.neo4j]\nbatch.max_events = 20\n",
        BREAKER.replace("2s", "200ms")
    );
    let program = program(&rig, proxy.port(), &file);
    let worker = program.start(&FLAGS);
    for _ in 0..CUTS {
        let done = progress(&worker);
        let more = shop.with_repeats(500, 20);
        queues::publish(&rig.broker, more).await;
        amid(&worker, done).await;
        let moment = Duration::from_micros(shop.rng().u64(0..100_000));
        // sleep: the moment of the cut is random
        sleep(moment).await;
        proxy.cut().await;
        proxy.pass().await;
    }
    resumes(worker, &shop).await;
    finish(&rig, &program, neo4j, &shop).await;
}
