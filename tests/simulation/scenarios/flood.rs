//! A bad deploy must not pour the queue into the dead-letter queue.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_flood_guard_pauses_when_almost_everything_is_permanent() {
    let mut world = world();
    let mostly_bad = |n: u32| match n % 20 {
        0 => Deed::Apply,
        _ => Deed::Permanent,
    };
    world.publish_all((0..10_000).map(mostly_bad));
    let process = world.start();
    assert!(eventually(MINUTE, || process.monitor.snapshot().flood.is_some()).await);
    let code = process.monitor.snapshot().flood.unwrap();
    assert_eq!(code.as_str(), "sim-bad");
    tokio::time::sleep(4 * MINUTE).await;
    let dead = world.held(DEAD);
    // The window of a thousand, and what was in flight when it was full.
    assert!(dead <= 2_000, "{dead} dead letters");
    assert!(process.monitor.snapshot().flood.is_some());
    assert_eq!(world.server.inspect(QUEUE).unwrap().unacknowledged.len(), 0);
    let conserved = world.conserved();
    assert!(conserved.none(), "{conserved}");
    // It looks again every five minutes and never pours.
    tokio::time::sleep(HOUR).await;
    let later = world.held(DEAD);
    assert!(later <= 2_000, "{later} dead letters");
    // One event as a trial, not a window that is counted as crashed each time.
    let suspects = process.monitor.counts().suspects;
    assert!(suspects <= 3, "{suspects} suspects");
    process.drain().await.expect("alive").expect("drained");
}

#[tokio::test(start_paused = true)]
async fn a_few_bad_events_of_many_codes_do_not_trip_it() {
    let mut world = world();
    let sometimes_bad = |n: u32| match n % 3 {
        0 => Deed::Permanent,
        _ => Deed::Apply,
    };
    world.publish_all((0..5_000).map(sometimes_bad));
    let process = world.start();
    comes_to_rest(&world, process).await;
    assert_eq!(world.held(DEAD), 1_667);
}
