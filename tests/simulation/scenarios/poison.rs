//! Bad events among good ones.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_poison_event_in_a_batch_of_a_thousand_is_dead_lettered_alone() {
    let mut world = world();
    let poisoned = |n| match n {
        437 => Deed::PermanentForAll,
        _ => Deed::Apply,
    };
    world.publish_all((0..1_000).map(poisoned));
    let process = world.start();
    let monitor = process.monitor.clone();
    comes_to_rest(&world, process).await;
    assert_eq!(applied(&world), 999);
    assert_eq!(reasons(&world), ["sim-bad"]);
    let counts = monitor.counts();
    assert_eq!((counts.retried, counts.given_back), (0, 0));
    let store = world.store.inner();
    assert!(store.calls.contains(&1_000), "{:?}", store.calls);
    // Halving a thousand down to one takes two calls a level, and there are ten levels.
    assert!(store.calls.len() <= 25, "{:?}", store.calls);
    let spent = |(attempt, _): &(u32, _)| *attempt > 1;
    assert!(!store.attempts.values().flatten().any(spent));
}

#[tokio::test(start_paused = true)]
async fn a_verdict_on_one_event_needs_no_second_call_for_the_others() {
    let mut world = world();
    let poisoned = |n| match n {
        437 => Deed::Permanent,
        _ => Deed::Apply,
    };
    world.publish_all((0..1_000).map(poisoned));
    let process = world.start();
    comes_to_rest(&world, process).await;
    assert_eq!((applied(&world), reasons(&world).len()), (999, 1));
    assert_eq!(world.store.inner().calls, [1_000]);
}

#[tokio::test(start_paused = true)]
async fn silence_and_panic_are_failures_of_their_own_event() {
    let mut world = world_with_plan(&[1]);
    world.publish_all([
        Deed::Unsettled { times: ALWAYS },
        Deed::Panic { times: ALWAYS },
        Deed::Unsettled { times: 1 },
        Deed::Panic { times: 2 },
        Deed::Apply,
    ]);
    let process = world.start();
    comes_to_rest(&world, process).await;
    let mut reasons = reasons(&world);
    reasons.sort();
    assert_eq!(reasons, ["panic", "unsettled"]);
    assert_eq!(applied(&world), 3);
    assert_eq!(attempts(&world, 2).last(), Some(&(2, 1)));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_never_gets_an_answer_is_dead_lettered_while_others_pass() {
    let mut config = config();
    let queue = config.queues.get_mut("sim").unwrap();
    queue.retry_delays = seconds(&[1]);
    let mut world = World::new(config, 1);
    world.publish(Spec::new(0, Deed::Stall { times: ALWAYS }));
    let process = world.start();
    for number in 1..100 {
        world.publish(Spec::new(number, Deed::Apply));
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    comes_to_rest(&world, process).await;
    assert_eq!(reasons(&world), ["deadline-exceeded"]);
    assert_eq!(applied(&world), 99);
}
