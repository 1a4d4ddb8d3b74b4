//! Channels, connections and consumers that are lost and re-established.

use super::*;
use fanout::broker::local::{Fault, FaultPlan};

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_deleted_and_declared_anew_is_consumed_again() {
    let mut world = world();
    let process = world.start();
    world.publish_all((0..10).map(|_| Deed::Apply));
    assert!(world.quiet(MINUTE).await);
    assert!(world.server.delete_queue(QUEUE));
    let back = || world.server.inspect(QUEUE).is_some_and(|q| q.consumers > 0);
    assert!(eventually(MINUTE, back).await);
    // Its bindings are as before.
    world.publish(Spec::new(10, Deed::Apply));
    comes_to_rest(&world, process).await;
    assert_eq!(applied(&world), 11);
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_at_every_hundredth_step_loses_nothing() {
    let mut world = world_with_plan(&[1, 2]);
    let plan = FaultPlan::seeded(3).rate(Fault::ConnectionLost, 0.01);
    world.server.set_faults(plan);
    world.publish_all((0..200).map(|n| match n % 4 {
        0 => Deed::Transient { times: 1 },
        1 => Deed::Permanent,
        _ => Deed::Apply,
    }));
    let process = world.start();
    let monitor = process.monitor.clone();
    comes_to_rest(&world, process).await;
    assert_eq!(applied(&world), 150);
    assert!(world.server.struck()[&Fault::ConnectionLost] > 5);
    assert_eq!(monitor.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_with_random_outcomes_never_close_the_channel() {
    let mut config = config();
    let queue = config.queues.get_mut("sim").unwrap();
    queue.retry_delays = seconds(&[0, 1]);
    queue.batch.max_events = 7;
    queue.in_flight = 3;
    config.worker.lanes = 3;
    config.worker.overtake_after = Duration::from_millis(100);
    let mut world = World::new(config, 1);
    let plan = FaultPlan::seeded(5)
        .rate(Fault::ConfirmDelayed, 0.3)
        .rate(Fault::PublishRefused, 0.2);
    world.server.set_faults(plan);
    let mut rng = fastrand::Rng::with_seed(9);
    world.publish_all((0..2_000).map(|_| match rng.u8(..6) {
        0 => Deed::Transient {
            times: rng.u32(1..3),
        },
        1 => Deed::Permanent,
        2 => Deed::Contention { times: 1 },
        3 => Deed::FollowUps { count: 1 },
        _ => Deed::Apply,
    }));
    let process = world.start();
    comes_to_rest(&world, process).await;
    assert_eq!(world.server.protocol_errors(), Vec::<String>::new());
    // Nothing is replayed behind a slow confirm.
    assert_eq!(world.store.inner().repeats, 0);
}

/// A world whose broker closes channels that hold a delivery for three minutes, and what it
/// had to close within ten.
async fn closed_for_holding(deeds: [Deed; 2], refusing: bool) -> Vec<String> {
    let mut config = config();
    config.worker.consumer_timeout = 3 * MINUTE;
    let mut world = World::new(config, 1);
    world.server.consumer_timeout(3 * MINUTE);
    let max = refusing.then_some(0);
    world.server.limit_bytes(&world.retry_queue(0), max);
    world.publish_all(deeds);
    let process = world.start();
    tokio::time::sleep(10 * MINUTE).await;
    assert!(world.conserved().none());
    assert_eq!(world.held(DEAD), 0);
    process.kill();
    world.server.protocol_errors()
}

#[tokio::test(start_paused = true)]
async fn what_a_retry_queue_refuses_is_not_held_as_long_as_the_consumer_timeout() {
    let deeds = [Deed::Transient { times: 1 }, Deed::Apply];
    let closed = closed_for_holding(deeds, true).await;
    assert_eq!(closed, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_never_gets_its_turn_is_not_held_as_long_as_the_consumer_timeout() {
    let deeds = [Deed::Contention { times: ALWAYS }, Deed::Apply];
    let closed = closed_for_holding(deeds, false).await;
    assert_eq!(closed, Vec::<String>::new());
}
