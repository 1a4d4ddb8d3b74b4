//! A destination that is away or slow: no event is to blame.

use super::*;

/// No event has spent an attempt, and none is dead.
fn nobody_is_to_blame(world: &World) {
    assert!(world.dead_letters().is_empty(), "{:?}", reasons(world));
    let store = world.store.inner();
    let spent = |(attempt, _): &(u32, _)| *attempt > 1;
    assert!(!store.attempts.values().flatten().any(spent));
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_a_minute_spends_no_attempt_and_the_breaker_opens_and_closes() {
    let mut world = world();
    let process = world.start();
    world.publish_all((0..10).map(|_| Deed::Apply));
    assert!(world.quiet(MINUTE).await);
    assert_eq!(process.monitor.snapshot().breaker, "closed");
    world.store.outage(Outage::Refuses, MINUTE);
    for number in 10..500 {
        world.publish(Spec::new(number, Deed::Apply));
    }
    let open = || process.monitor.snapshot().breaker == "open";
    assert!(eventually(MINUTE / 2, open).await, "never opened");
    assert!(process.monitor.snapshot().destination_problem.is_some());
    // While it is open nobody holds a delivery.
    let held = || world.server.inspect(QUEUE).unwrap().unacknowledged.len();
    assert!(eventually(Duration::from_secs(1), || held() == 0).await);
    assert_eq!(process.monitor.snapshot().in_flight, 0);
    let monitor = process.monitor.clone();
    comes_to_rest(&world, process).await;
    assert_eq!(monitor.snapshot().breaker, "closed");
    assert_eq!(applied(&world), 500);
    nobody_is_to_blame(&world);
}

#[tokio::test(start_paused = true)]
async fn a_destination_slower_than_the_deadline_for_two_minutes_blames_nobody() {
    let mut world = world();
    let start = tokio::time::Instant::now();
    world.store.outage(Outage::Crawls, 2 * MINUTE);
    world.publish_all((0..2_000).map(|_| Deed::Apply));
    let process = world.start();
    tokio::time::sleep(2 * MINUTE).await;
    // Two batches in flight, each for a deadline of 30 s: more calls would be halves.
    let calls = world.store.inner().calls.clone();
    assert!(calls.len() <= 2 * 5, "{calls:?}");
    comes_to_rest(&world, process).await;
    assert!(start.elapsed() < 5 * MINUTE, "{:?}", start.elapsed());
    assert_eq!(applied(&world), 2_000);
    nobody_is_to_blame(&world);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_stalls_before_the_first_batch_is_waited_for() {
    let mut world = world();
    world.store.outage(Outage::Stalls, 2 * MINUTE);
    world.publish_all((0..100).map(|_| Deed::Apply));
    let process = world.start();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(world.server.inspect(QUEUE).unwrap().ready.len(), 100);
    comes_to_rest(&world, process).await;
    nobody_is_to_blame(&world);
}

#[tokio::test(start_paused = true)]
async fn suspects_are_taken_after_an_outage_even_where_nothing_else_waits() {
    let mut config = config();
    config.queues.get_mut("sim").unwrap().suspect_after = 1;
    let mut world = World::new(config, 1);
    world.publish_all((0..5).map(|_| Deed::Apply));
    // Handed out once and lost: everything is a suspect now.
    let first = world.start();
    let held = || world.server.inspect(QUEUE).unwrap().unacknowledged.len();
    promptly(|| held() == 5).await;
    first.kill();
    let second = world.start();
    let suspects = format!("{QUEUE}.suspect");
    promptly(|| world.held(&suspects) > 0).await;
    world.store.outage(Outage::Refuses, MINUTE);
    comes_to_rest(&world, second).await;
    assert_eq!(applied(&world), 5);
}

#[tokio::test(start_paused = true)]
async fn contention_is_waited_out_without_an_attempt_or_the_breaker() {
    let mut world = world();
    world.publish_all((0..20).map(|_| Deed::Contention { times: 30 }));
    let process = world.start();
    let breaker = || process.monitor.snapshot().breaker;
    promptly(|| breaker() == "closed").await;
    let mut opened = false;
    let looked = eventually(HOUR, || {
        opened |= breaker() != "closed";
        world.is_quiet()
    });
    assert!(looked.await);
    assert!(!opened);
    comes_to_rest(&world, process).await;
    nobody_is_to_blame(&world);
}
