//! Several connections that look like one.

use super::fake::Mood;
use super::*;
use crate::broker::{BrokerStatus, ConnectionState};

struct Two {
    first: Arc<Fake>,
    second: Arc<Fake>,
    both: Connections,
}

fn two() -> Two {
    let (first, second) = (Arc::new(Fake::default()), Arc::new(Fake::default()));
    let both = Connections::new(Arc::clone(&first) as _, vec![Arc::clone(&second) as _]);
    Two {
        first,
        second,
        both,
    }
}

async fn state(two: &Two, holds: impl FnMut(&BrokerStatus) -> bool) {
    let mut status = two.both.status();
    let waiting = status.wait_for(holds);
    let found = timeout(Duration::from_secs(1), waiting).await;
    assert!(found.is_ok(), "{:?}", two.both);
}

#[tokio::test(start_paused = true)]
async fn messages_take_turns_on_the_connections() {
    let two = two();
    for n in 0..10 {
        two.both.publish(message(&format!("a.{n}"))).await.unwrap();
    }
    assert_eq!((two.first.asked(), two.second.asked()), (5, 5));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_away_or_blocked_is_passed_over_and_all_of_them_say_so_together() {
    let two = two();
    two.first.leave();
    two.both.publish(message("a.1")).await.unwrap();
    two.both.publish(message("a.2")).await.unwrap();
    assert_eq!(two.second.arrived(), ["a.1", "a.2"]);
    state(&two, |s| s.state == ConnectionState::Connected).await;
    two.second.block(true);
    state(&two, |s| s.state == ConnectionState::Disconnected).await;
    two.second.block(false);
    state(&two, |s| s.state == ConnectionState::Connected).await;
    two.second.leave();
    state(&two, |s| s.state == ConnectionState::Disconnected).await;
    two.first.come_back();
    state(&two, |s| s.state == ConnectionState::Connected).await;
}

#[tokio::test(start_paused = true)]
async fn order_per_subject_holds_over_several_connections() {
    let two = two();
    two.first.state().latency = Duration::from_millis(40);
    two.second.mood(Mood::Fails(0.3));
    let disk = Disk::default();
    let config = Config::default();
    let opened = open_inline(&config.spool, disk.opener()).unwrap();
    let (first, second) = (Arc::clone(&two.first), Arc::clone(&two.second));
    let publisher = Publisher::around(Arc::new(two.both), &config, opened);
    let messages = (1..=200).map(|n| message(&format!("a.{n}")));
    let answers = publisher.accept_all(messages).await;
    assert!(answers.iter().all(Result::is_ok));
    second.mood(Mood::Takes);
    let start = Instant::now();
    while publisher.backlog().messages > 0 {
        assert!(start.elapsed() < Duration::from_secs(600));
        sleep(Duration::from_millis(1)).await;
    }
    // Each connection for itself saw rising numbers, and together they saw them all.
    let numbers = |fake: &Fake| -> Vec<u32> {
        let ids = fake.arrived();
        ids.iter().map(|id| id[2..].parse().unwrap()).collect()
    };
    let (first, second) = (numbers(&first), numbers(&second));
    assert!(first.is_sorted(), "{first:?}");
    assert!(second.is_sorted(), "{second:?}");
    let mut all: Vec<_> = first.into_iter().chain(second).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, (1..=200).collect::<Vec<_>>());
}
