//! A queue that is full.

use super::fake::Mood;
use super::*;

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_met_with_growing_waits_and_one_message_at_a_time() {
    let rig = Rig::new();
    rig.broker.state().latency = Duration::ZERO;
    rig.broker.mood(Mood::Refuses);
    let names = (0..50).map(|n| message(&format!("s{n}.1")));
    let answers = rig.publisher.accept_all(names).await;
    assert!(answers.iter().all(|a| *a == SPOOLED));
    let first = rig.broker.asked();
    rig.until(|rig| rig.broker.asked() == first + 5).await;
    let asked = rig.broker.state().asked[first - 1..].to_vec();
    let waits: Vec<_> = asked
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_millis())
        .collect();
    assert_eq!(waits, [200, 400, 800, 1_600, 3_200]);
    rig.broker.mood(Mood::Takes);
    rig.drained().await;
    assert_eq!(rig.broker.arrived().len(), 50);
}

#[tokio::test(start_paused = true)]
async fn the_status_names_what_refuses_and_the_queues_behind_it() {
    let rig = Rig::new();
    rig.broker.mood(Mood::Refuses);
    assert_eq!(rig.accept("a.1").await, SPOOLED);
    let status = rig.publisher.status();
    assert_eq!(status.link, LinkState::Refusing);
    let refusing = status.refusing.unwrap();
    assert_eq!(refusing.code, "publish-refused");
    assert_eq!(refusing.exchange, "events");
    assert_eq!(refusing.queues, ["events.neo4j", "events.qdrant"]);
    assert_eq!(refusing.failures, 1);
    assert!(refusing.retry_in <= Duration::from_millis(200));
    rig.broker.mood(Mood::Takes);
    rig.drained().await;
    assert_eq!(rig.publisher.status().refusing, None);
}

#[tokio::test(start_paused = true)]
async fn while_a_queue_refuses_a_caller_waits_for_the_disk_only() {
    let rig = Rig::new();
    rig.broker.mood(Mood::Refuses);
    rig.accept("a.1").await.unwrap();
    let start = Instant::now();
    assert_eq!(rig.accept("b.1").await, SPOOLED);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn with_a_full_spool_a_refused_caller_is_told_to_come_after_the_next_try() {
    let rig = Rig::with(|c| c.spool.max_messages = 1);
    rig.broker.mood(Mood::Refuses);
    rig.accept("a.1").await.unwrap();
    // Long enough for the longest wait.
    sleep(Duration::from_secs(120)).await;
    let Err(NotAccepted::Full { retry_after }) = rig.accept("b.1").await else {
        panic!("the spool is full");
    };
    assert!(retry_after > Duration::from_secs(1), "{retry_after:?}");
    assert!(retry_after <= Duration::from_secs(30), "{retry_after:?}");
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_is_missing_keeps_its_messages_waiting_at_the_head() {
    let rig = Rig::new();
    rig.broker.leave();
    rig.accept("a.1").await.unwrap();
    let missing = PublishError::NoExchange("events".to_owned());
    rig.broker.answers("a.1", vec![missing; 6]);
    rig.broker.come_back();
    rig.until(|rig| rig.broker.asked() == 6).await;
    let refusing = rig.publisher.status().refusing.unwrap();
    assert_eq!(refusing.code, "publish-no-exchange");
    assert_eq!(rig.publisher.status().set_aside, 0);
    rig.drained().await;
    assert_eq!(rig.broker.arrived(), ["a.1"]);
}
