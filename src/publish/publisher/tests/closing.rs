//! The end.

use super::fake::Mood;
use super::*;

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_what_is_on_its_way_and_for_what_waits_behind_it() {
    let rig = Rig::new();
    rig.broker.state().latency = Duration::from_millis(500);
    let first = rig.begin(message("a.1")).await;
    let second = rig.begin(message("a.2")).await;
    let left = rig.publisher.shut_down(Duration::from_secs(5)).await;
    assert_eq!(left, Backlog::default());
    assert_eq!(first.await.unwrap(), CONFIRMED);
    assert_eq!(second.await.unwrap(), CONFIRMED);
    assert_eq!(rig.broker.arrived(), ["a.1", "a.2"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_confirmed_at_the_deadline_is_in_the_spool_in_order() {
    let rig = Rig::new();
    rig.broker.mood(Mood::Hangs);
    let first = rig.begin(message("a.1")).await;
    let second = rig.begin(message("a.2")).await;
    let start = Instant::now();
    let left = rig.publisher.shut_down(Duration::from_secs(2)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(left.messages, 2);
    assert_eq!(first.await.unwrap(), SPOOLED);
    assert_eq!(second.await.unwrap(), SPOOLED);
    let rig = rig.after_kill();
    assert!(rig.publisher.recovery().closed);
    rig.drained().await;
    assert_eq!(rig.broker.arrived(), ["a.1", "a.2"]);
}

#[tokio::test(start_paused = true)]
async fn after_a_shutdown_nothing_is_taken() {
    let rig = Rig::new();
    rig.publisher.shut_down(Duration::from_secs(1)).await;
    assert_eq!(rig.accept("a.1").await, Err(NotAccepted::ShuttingDown));
    assert_eq!(
        rig.publisher.set_aside(1).await,
        Err(NotAccepted::ShuttingDown)
    );
    assert_eq!(rig.broker.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_the_spool_to_drain() {
    let rig = Rig::new();
    rig.broker.leave();
    for n in 0..100 {
        rig.accept(&format!("a.{n}")).await.unwrap();
    }
    rig.broker.state().latency = Duration::from_millis(100);
    rig.broker.come_back();
    rig.until(|rig| rig.broker.asked() > 1).await;
    let start = Instant::now();
    let left = rig.publisher.shut_down(Duration::from_secs(60)).await;
    assert!(start.elapsed() <= Duration::from_millis(100));
    assert!(left.messages > 90, "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_is_dropped_flushes_all_the_same() {
    let rig = Rig::new();
    rig.broker.mood(Mood::Hangs);
    let task = rig.begin(message("a.1")).await;
    task.abort();
    let Rig {
        publisher,
        disk,
        config,
        ..
    } = rig;
    let _ = task.await;
    drop(publisher);
    // sleep: the clock is paused; what is dropped has so long
    sleep(Duration::from_secs(20)).await;
    let rig = Rig::on(disk.after_kill(), config);
    assert!(rig.publisher.recovery().closed);
    rig.drained().await;
    assert_eq!(rig.broker.arrived(), ["a.1"]);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fails_at_the_end_does_not_hold_up_the_program() {
    let rig = Rig::new();
    rig.broker.mood(Mood::Hangs);
    let task = rig.begin(message("a.1")).await;
    rig.disk.set_full(true);
    let start = Instant::now();
    rig.publisher.shut_down(Duration::from_secs(1)).await;
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(task.await.unwrap().unwrap_err().code(), "spool-storage");
}
