//! An operator lets a queue rest, and lifts that again.

use fanout::operate::queues::{self, Pause};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_paused_queue_rests_in_every_process_until_it_is_resumed() {
    let mut world = world();
    let operator = world.server.connect();
    let pause = Pause::now("night@desk", Some("restore".to_owned()));
    queues::pause(&operator, QUEUE, &pause).await.unwrap();
    world.publish_all((0..500).map(|_| Deed::Apply));
    let first = world.start();
    tokio::time::sleep(HOUR).await;
    assert_eq!(world.held(QUEUE), 500, "it rests from the start");
    assert!(first.monitor.snapshot().paused);
    assert_eq!(
        queues::pause_of(&operator, QUEUE).await.unwrap(),
        Some(pause)
    );
    first.kill();
    let second = world.start();
    tokio::time::sleep(HOUR).await;
    assert_eq!(world.held(QUEUE), 500, "another process rests, too");
    assert_eq!(queues::resume(&operator, QUEUE).await, Ok(Some(true)));
    assert_eq!(queues::resume(&operator, QUEUE).await, Ok(Some(false)));
    comes_to_rest(&world, second).await;
    assert_eq!(applied(&world), 500);
}

#[tokio::test(start_paused = true)]
async fn a_pause_in_the_middle_settles_what_is_in_hand_and_spends_no_attempt() {
    let mut world = world();
    world.publish_all((0..20_000).map(|_| Deed::Apply));
    let process = world.start();
    assert!(eventually(MINUTE, || process.monitor.counts().applied > 100).await);
    let operator = world.server.connect();
    let pause = Pause::now("night@desk", None);
    queues::pause(&operator, QUEUE, &pause).await.unwrap();
    assert!(eventually(MINUTE, || process.monitor.snapshot().paused).await);
    let rests = || {
        world
            .server
            .inspect(QUEUE)
            .unwrap()
            .unacknowledged
            .is_empty()
    };
    assert!(
        eventually(MINUTE, rests).await,
        "nothing is held while it rests"
    );
    let applied = process.monitor.counts().applied;
    tokio::time::sleep(HOUR).await;
    assert_eq!(process.monitor.counts().applied, applied);
    let conserved = world.conserved();
    assert!(conserved.none(), "{conserved}");
    queues::resume(&operator, QUEUE).await.unwrap();
    comes_to_rest(&world, process).await;
}
