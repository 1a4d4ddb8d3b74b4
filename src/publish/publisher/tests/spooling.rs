//! A broker that is away, blocked or silent, and a disk that is full.

use super::fake::Mood;
use super::*;

fn names(count: u32) -> Vec<String> {
    (1..=count).map(|n| format!("s{}.{n}", n % 7)).collect()
}

#[tokio::test(start_paused = true)]
async fn an_absent_broker_costs_the_caller_no_time_and_is_not_asked() {
    let rig = Rig::new();
    rig.broker.leave();
    let start = Instant::now();
    for name in names(100) {
        assert_eq!(rig.accept(&name).await, SPOOLED);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(rig.broker.asked(), 0);
    let status = rig.publisher.status();
    assert_eq!(status.link, LinkState::Away);
    assert_eq!(status.reason.as_deref(), Some("gone"));
    assert_eq!(status.backlog.messages, 100);
    assert!(status.backlog.bytes > 100 * 30, "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_spooled_arrives_in_order_when_the_broker_is_back() {
    // More than are read at once.
    let names: Vec<_> = (1..=2_500).map(|n| format!("s{n}.{n}")).collect();
    let rig = Rig::with(|c| c.broker.confirm_window = 50);
    rig.broker.leave();
    let messages: Vec<_> = names.iter().map(|name| message(name)).collect();
    let answers = rig.publisher.accept_all(messages).await;
    assert!(answers.iter().all(|a| *a == SPOOLED));
    rig.broker.come_back();
    rig.drained().await;
    assert_eq!(rig.broker.arrived(), names);
    assert_eq!(rig.publisher.status().link, LinkState::Ready);
}

#[tokio::test(start_paused = true)]
async fn what_was_spooled_survives_a_kill_and_what_had_arrived_does_not_come_again() {
    let rig = Rig::new();
    rig.broker.leave();
    for name in names(100) {
        rig.accept(&name).await.unwrap();
    }
    let rig = rig.after_kill();
    let recovery = rig.publisher.recovery();
    assert!(recovery.existed && !recovery.closed, "{recovery:?}");
    assert_eq!(recovery.messages, 100);
    rig.drained().await;
    let mut arrived = rig.broker.arrived();
    arrived.sort();
    let mut expected = names(100);
    expected.sort();
    assert_eq!(arrived, expected);
    rig.publisher.shut_down(Duration::from_secs(1)).await;
    let rig = rig.after_kill();
    assert!(rig.publisher.recovery().closed);
    assert_eq!(rig.publisher.backlog(), Backlog::default());
}

#[tokio::test(start_paused = true)]
async fn a_message_answered_from_disk_has_been_synced() {
    let rig = Rig::new();
    rig.broker.leave();
    rig.disk.remember_syncs();
    for number in 1..=10 {
        assert_eq!(rig.accept(&format!("a.{number}")).await, SPOOLED);
        let left = Rig::on(rig.disk.after_power_cut(), rig.config.clone());
        assert_eq!(left.publisher.recovery().messages, number);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_what_is_new_stands_behind_what_is_there() {
    let rig = Rig::new();
    rig.broker.leave();
    for name in ["a.1", "a.2"] {
        rig.accept(name).await.unwrap();
    }
    let rig = rig.after_kill();
    assert_eq!(rig.accept("a.3").await, SPOOLED);
    rig.drained().await;
    assert_eq!(rig.broker.arrived(), ["a.1", "a.2", "a.3"]);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_broker_is_an_absent_one() {
    let rig = Rig::new();
    rig.broker.mood(Mood::Hangs);
    let under_way = rig.begin(message("a.1")).await;
    rig.broker.block(true);
    let start = Instant::now();
    assert_eq!(under_way.await.unwrap(), SPOOLED);
    assert_eq!(rig.accept("b.1").await, SPOOLED);
    assert_eq!(start.elapsed(), Duration::ZERO);
    let status = rig.publisher.status();
    assert_eq!(status.link, LinkState::Blocked);
    assert_eq!(status.reason.as_deref(), Some("low on memory"));
    rig.broker.mood(Mood::Takes);
    rig.broker.block(false);
    rig.drained().await;
    assert_eq!(rig.broker.arrived(), ["a.1", "b.1"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_confirmed_in_time_goes_to_the_spool_and_new_messages_do_at_once() {
    let rig = Rig::new();
    rig.broker.mood(Mood::Hangs);
    let start = Instant::now();
    assert_eq!(rig.accept("a.1").await, SPOOLED);
    assert_eq!(start.elapsed(), rig.config.publisher.spool_after);
    assert_eq!(rig.accept("b.1").await, SPOOLED);
    assert_eq!(start.elapsed(), rig.config.publisher.spool_after);
    let refusing = rig.publisher.status().refusing.unwrap();
    assert_eq!(refusing.code, "publish-timeout");
    rig.broker.mood(Mood::Takes);
    rig.drained().await;
    assert_eq!(rig.broker.arrived(), ["a.1", "b.1"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_spool_refuses_and_says_when_to_come_again_and_takes_again_when_drained() {
    let rig = Rig::with(|c| c.spool.max_messages = 10);
    rig.broker.leave();
    let expected = NotAccepted::Full {
        retry_after: Duration::from_secs(5),
    };
    let answers = rig
        .publisher
        .accept_all(names(15).iter().map(|name| message(name)))
        .await;
    assert_eq!(answers.iter().filter(|a| **a == SPOOLED).count(), 10);
    assert_eq!(answers[10..], vec![Err(expected); 5]);
    assert_eq!(rig.publisher.backlog().messages, 10);
    rig.broker.come_back();
    rig.drained().await;
    rig.broker.leave();
    assert_eq!(rig.accept("a.1").await, SPOOLED);
}

#[tokio::test(start_paused = true)]
async fn bytes_bound_the_spool_too() {
    let rig = Rig::with(|c| c.spool.max_bytes = 10_000);
    rig.broker.leave();
    let large = |n| Message {
        body: vec![b' '; 3_000].into(),
        ..message(&format!("s{n}.1"))
    };
    let answers = rig.publisher.accept_all((0..5).map(large)).await;
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 3);
    assert!(rig.publisher.backlog().bytes <= 10_000);
    // A smaller one still fits.
    assert_eq!(rig.accept("a.1").await, SPOOLED);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_and_harms_nothing_and_is_used_again_when_there_is_room() {
    let rig = Rig::new();
    rig.broker.leave();
    assert_eq!(rig.accept("a.1").await, SPOOLED);
    rig.disk.set_full(true);
    for name in ["a.2", "a.3"] {
        let refused = rig.accept(name).await.unwrap_err();
        assert_eq!(refused.code(), "spool-storage");
    }
    assert!(rig.publisher.status().spool_trouble.is_some());
    assert_eq!(rig.publisher.backlog().messages, 1);
    rig.disk.set_full(false);
    rig.until(|rig| rig.publisher.status().spool_trouble.is_none())
        .await;
    assert_eq!(rig.accept("a.4").await, SPOOLED);
    let rig = rig.after_kill();
    rig.drained().await;
    assert_eq!(rig.broker.arrived(), ["a.1", "a.4"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_does_not_stop_what_the_broker_takes() {
    let rig = Rig::new();
    rig.disk.set_full(true);
    assert_eq!(rig.accept("a.1").await, CONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_could_not_be_synced_is_refused_and_does_not_arrive_later() {
    let rig = Rig::new();
    rig.broker.leave();
    rig.disk.set_unsyncable(true);
    assert!(rig.accept("a.1").await.is_err());
    rig.disk.set_unsyncable(false);
    rig.until(|rig| rig.publisher.status().spool_trouble.is_none())
        .await;
    rig.broker.come_back();
    assert_eq!(rig.accept("a.2").await, CONFIRMED);
    rig.publisher.shut_down(Duration::from_secs(1)).await;
    let rig = rig.after_kill();
    assert_eq!(rig.publisher.recovery().messages, 0);
}
