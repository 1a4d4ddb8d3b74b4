//! Order per subject.

use super::fake::Mood;
use super::*;

/// Numbers of a subject in the order in which they arrived.
fn of(rig: &Rig, subject: &str) -> Vec<u32> {
    let arrived = rig.broker.arrived();
    let numbers = arrived
        .iter()
        .filter_map(|id| id.split_once('.'))
        .filter(|(s, _)| *s == subject);
    numbers.map(|(_, number)| number.parse().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn at_most_one_message_about_a_subject_is_on_its_way() {
    let rig = Rig::new();
    let messages = (1..=50).map(|n| message(&format!("a.{n}")));
    let answers = rig.publisher.accept_all(messages).await;
    assert!(answers.iter().all(|a| *a == CONFIRMED));
    assert_eq!(rig.broker.state().most_in_flight, 1);
    assert_eq!(of(&rig, "a"), (1..=50).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn the_order_of_the_calls_counts_whenever_their_futures_are_polled() {
    let rig = Rig::new();
    let calls: Vec<_> = (1..=300)
        .map(|n| rig.publisher.accept(message(&format!("a.{n}"))))
        .collect();
    // More than a task is let to do at a time, and in another order.
    let answers = futures::future::join_all(calls.into_iter().rev()).await;
    assert!(answers.iter().all(|a| *a == CONFIRMED));
    assert_eq!(of(&rig, "a"), (1..=300).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn where_one_of_a_window_is_refused_nothing_about_its_subject_overtakes_it() {
    let rig = Rig::new();
    rig.broker.answers("b.2", vec![PublishError::Refused; 3]);
    let names = ["a.1", "b.1", "b.2", "a.2", "b.3", "c.1", "b.4"];
    let answers = rig.publisher.accept_all(names.map(message)).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(answers[2], SPOOLED);
    assert_eq!(answers[4], SPOOLED);
    rig.drained().await;
    assert_eq!(of(&rig, "b"), [1, 2, 3, 4]);
    assert_eq!(of(&rig, "a"), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn what_is_new_stands_behind_what_is_in_the_spool_about_its_subject_and_others_pass() {
    let rig = Rig::new();
    rig.broker.leave();
    for name in ["a.1", "a.2", "a.3"] {
        assert_eq!(rig.accept(name).await, SPOOLED);
    }
    rig.broker.state().latency = Duration::from_millis(100);
    rig.broker.come_back();
    rig.until(|rig| rig.broker.asked() > 0).await;
    let (mine, other) = tokio::join!(rig.accept("a.4"), rig.accept("b.1"));
    assert_eq!((mine, other), (SPOOLED, CONFIRMED));
    rig.drained().await;
    assert_eq!(of(&rig, "a"), [1, 2, 3, 4]);
    // Back to normal.
    assert_eq!(rig.accept("a.5").await, CONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn what_lost_its_connection_is_sent_again_before_what_came_later() {
    let rig = Rig::new();
    rig.broker.mood(Mood::Hangs);
    let mut tasks = Vec::new();
    for name in ["a.1", "a.2", "b.1"] {
        tasks.push(rig.begin(message(name)).await);
    }
    rig.broker.leave();
    assert_eq!(rig.accept("a.3").await, SPOOLED);
    for task in tasks {
        assert_eq!(task.await.unwrap(), SPOOLED);
    }
    rig.broker.mood(Mood::Takes);
    rig.broker.come_back();
    rig.drained().await;
    assert_eq!(of(&rig, "a"), [1, 2, 3]);
    assert_eq!(of(&rig, "b"), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_subject_that_the_caller_names_is_kept_in_order_whatever_the_body_says() {
    let rig = Rig::new();
    let publisher = &rig.publisher;
    let accepting = (1..=3).map(|n| publisher.accept_about("one", message(&format!("s{n}.1"))));
    futures::future::join_all(accepting).await;
    assert_eq!(rig.broker.state().most_in_flight, 1);
}

#[tokio::test(start_paused = true)]
async fn while_another_subject_is_refused_what_is_new_stays_behind_what_is_on_its_way() {
    let rig = Rig::new();
    rig.broker.state().latency = Duration::from_secs(1);
    let first = rig.begin(message("a.1")).await;
    let second = rig.begin(message("a.2")).await;
    rig.broker.state().latency = Duration::from_millis(1);
    rig.broker.answers("b.1", vec![PublishError::Refused]);
    assert_eq!(rig.accept("b.1").await, SPOOLED);
    assert_eq!(rig.publisher.status().link, LinkState::Refusing);
    let third = rig.begin(message("a.3")).await;
    for task in [first, second, third] {
        task.await.unwrap().unwrap();
    }
    rig.drained().await;
    assert_eq!(of(&rig, "a"), [1, 2, 3]);
}
