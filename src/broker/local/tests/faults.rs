//! Connections that are lost, and faults by plan.

use super::*;
use crate::broker::local::{Fault, FaultPlan};
use crate::broker::{ConnectionState, PublishError};

fn nth(fault: Fault, nth: u64) -> FaultPlan {
    FaultPlan::seeded(1).nth(fault, nth)
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_gives_everything_back_and_returns_as_a_new_epoch() {
    let broker = broker_with(vec![limited("q")]);
    publish(&broker, "q", &["1"]).await;
    let mut consumer = broker.consume("q", 1).await.unwrap();
    next(&mut consumer).await;
    let mut status = broker.status();
    assert_eq!(status.borrow_and_update().epoch, 1);
    broker.disconnect(Duration::from_secs(7));
    assert_eq!(status.borrow().state, ConnectionState::Disconnected);
    assert!(matches!(
        end_of(&mut consumer).await,
        Some(BrokerError::NotConnected(_))
    ));
    let refused = broker.publish(message("", "q", "2")).await;
    assert!(matches!(refused, Err(PublishError::NotConnected(_))));
    assert!(broker.depth("q").await.is_err());
    let start = tokio::time::Instant::now();
    let mut again = broker.consume("q", 1).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 7);
    assert_eq!(status.borrow().epoch, 2);
    assert_eq!(next(&mut again).await.delivery_count, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_closed_or_dropped_connection_gives_back_and_stays_away() {
    let broker = broker_with(vec![limited("q")]);
    let other = broker.server().connect();
    publish(&broker, "q", &["1"]).await;
    let mut consumer = other.consume("q", 1).await.unwrap();
    next(&mut consumer).await;
    other.close().await;
    assert_eq!(ready(broker.server(), "q"), ["1"]);
    assert!(other.consume("q", 1).await.is_err());
    let third = broker.server().connect();
    let mut consumer = third.consume("q", 1).await.unwrap();
    next(&mut consumer).await;
    drop(third);
    assert_eq!(ready(broker.server(), "q"), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_killed_client_is_never_answered() {
    let broker = broker_with(vec![limited("q")]);
    let victim = broker.server().connect();
    publish(&broker, "q", &["1"]).await;
    let mut consumer = victim.consume("q", 1).await.unwrap();
    next(&mut consumer).await;
    victim.kill();
    let hour = Duration::from_secs(3_600);
    let ack = tokio::time::timeout(hour, consumer.channel.ack(1, false));
    assert!(ack.await.is_err());
    let publish = tokio::time::timeout(hour, victim.publish(message("", "q", "2")));
    assert!(publish.await.is_err());
    assert_eq!(ready(broker.server(), "q"), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_publish_and_a_lost_confirm_look_the_same_to_the_publisher() {
    let broker = broker_with(vec![limited("q")]);
    for (fault, taken) in [(Fault::PublishLost, 0), (Fault::ConfirmLost, 1)] {
        broker.server().set_faults(nth(fault, 1));
        let outcome = broker.publish(message("", "q", "1")).await;
        assert!(matches!(outcome, Err(PublishError::NotConnected(_))));
        assert_eq!(ready(broker.server(), "q").len(), taken);
    }
}

#[tokio::test(start_paused = true)]
async fn publishes_are_refused_and_confirms_delayed_by_plan() {
    let broker = broker_with(vec![limited("q")]);
    let plan = nth(Fault::PublishRefused, 2).nth(Fault::ConfirmDelayed, 3);
    broker.server().set_faults(plan);
    publish(&broker, "q", &["1"]).await;
    let refused = broker.publish(message("", "q", "2")).await;
    assert_eq!(refused, Err(PublishError::Refused));
    let start = tokio::time::Instant::now();
    publish(&broker, "q", &["3"]).await;
    assert!(!start.elapsed().is_zero());
    assert_eq!(ready(broker.server(), "q"), ["1", "3"]);
    assert_eq!(broker.server().struck().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_channel_may_close_before_or_after_an_ack_took_effect() {
    for (fault, left) in [(Fault::SettleLost, 1), (Fault::ClosedAfterSettle, 0)] {
        let broker = broker_with(vec![limited("q")]);
        publish(&broker, "q", &["1"]).await;
        broker.server().set_faults(nth(fault, 1));
        let mut consumer = broker.consume("q", 1).await.unwrap();
        // What the caller sees is left to chance, as it is on a socket.
        let _ = consumer.channel.ack(1, false).await;
        assert!(end_of(&mut consumer).await.is_some());
        assert_eq!(ready(broker.server(), "q").len(), left, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_may_be_cancelled_and_a_delivery_delayed() {
    let broker = broker_with(vec![limited("q")]);
    let plan = nth(Fault::DeliveryDelayed, 1).nth(Fault::ConsumerCancelled, 3);
    broker.server().set_faults(plan);
    publish(&broker, "q", &["1", "2", "3"]).await;
    let mut consumer = broker.consume("q", 10).await.unwrap();
    assert_eq!(next(&mut consumer).await.tag, 1);
    assert_eq!(next(&mut consumer).await.tag, 2);
    assert_eq!(end_of(&mut consumer).await, None);
    assert_eq!(ready(broker.server(), "q"), ["3"]);
}

#[tokio::test(start_paused = true)]
async fn a_late_delivery_holds_back_what_follows_on_its_channel() {
    let broker = broker_with(vec![limited("q")]);
    broker.server().set_faults(nth(Fault::DeliveryDelayed, 1));
    publish(&broker, "q", &["1", "2"]).await;
    let mut consumer = broker.consume("q", 10).await.unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(next(&mut consumer).await.tag, 1);
    assert!(!start.elapsed().is_zero());
    assert_eq!(next(&mut consumer).await.tag, 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_lost_while_a_confirm_is_awaited() {
    let broker = broker_with(vec![limited("q")]);
    broker.server().set_faults(nth(Fault::ConfirmDelayed, 1));
    let publish = broker.publish(message("", "q", "1"));
    let cut = async { broker.disconnect(Duration::from_secs(1)) };
    let (outcome, ()) = tokio::join!(publish, cut);
    assert!(matches!(outcome, Err(PublishError::NotConnected(_))));
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_strikes_at_the_same_steps() {
    let outcomes = |seed| async move {
        let broker = broker_with(vec![limited("q")]);
        let plan = FaultPlan::seeded(seed).rate(Fault::PublishRefused, 0.5);
        broker.server().set_faults(plan);
        let mut taken = Vec::new();
        for _ in 0..32 {
            taken.push(broker.publish(message("", "q", "1")).await.is_ok());
        }
        taken
    };
    assert_eq!(outcomes(7).await, outcomes(7).await);
    assert_ne!(outcomes(7).await, outcomes(8).await);
}
