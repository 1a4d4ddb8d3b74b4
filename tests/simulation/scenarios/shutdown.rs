//! Drain, deadline, second signal.

use super::*;
use fanout::engine::EngineError;

#[tokio::test(start_paused = true)]
async fn a_drain_settles_what_runs_and_gives_back_the_rest() {
    let mut config = config();
    config.queues.get_mut("sim").unwrap().batch.max_events = 10;
    let mut world = World::new(config, 1);
    world.publish_all((0..1_000).map(|_| Deed::Apply));
    let process = world.start();
    assert!(eventually(MINUTE, || applied(&world) >= 50).await);
    let counts = process.drain().await.expect("alive").expect("drained");
    let effects = applied(&world);
    assert_eq!(
        counts.applied, effects as u64,
        "everything applied is acknowledged"
    );
    assert!(effects < 1_000);
    assert_eq!(
        world.server.inspect(QUEUE).unwrap().ready.len(),
        1_000 - effects
    );
    assert_eq!(world.store.inner().repeats, 0);
    let process = world.start();
    comes_to_rest(&world, process).await;
}

#[tokio::test(start_paused = true)]
async fn the_drain_deadline_ends_what_does_not_settle() {
    let mut world = world();
    world.publish_all([Deed::Transient { times: 1 }]);
    world.server.limit_bytes(&world.retry_queue(0), Some(0));
    let process = world.start();
    assert!(
        eventually(MINUTE, || process
            .monitor
            .snapshot()
            .publish_problem
            .is_some())
        .await
    );
    let start = tokio::time::Instant::now();
    let ended = process.drain().await.expect("alive");
    assert_eq!(start.elapsed().as_secs(), 30);
    let unsettled = matches!(ended, Err(EngineError::DrainDeadline { unsettled: 1 }));
    assert!(unsettled, "{ended:?}");
    assert_eq!(world.server.inspect(QUEUE).unwrap().ready.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_aborts_at_once() {
    let mut world = world();
    world.store.outage(Outage::Crawls, HOUR);
    world.publish_all((0..100).map(|_| Deed::Apply));
    let process = world.start();
    assert!(eventually(MINUTE, || applied(&world) > 0).await);
    let shutdown = process.shutdown.clone();
    shutdown.drain();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let start = tokio::time::Instant::now();
    shutdown.abort();
    let ended = process.ended().await.expect("alive");
    assert!(matches!(ended, Err(EngineError::Aborted)), "{ended:?}");
    assert!(start.elapsed() < Duration::from_millis(10));
    assert_eq!(world.server.inspect(QUEUE).unwrap().ready.len(), 100);
    assert!(world.conserved().none());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_idle_drains_at_once() {
    let world = world();
    let process = world.start();
    tokio::time::sleep(MINUTE).await;
    let start = tokio::time::Instant::now();
    process.drain().await.expect("alive").expect("drained");
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}
