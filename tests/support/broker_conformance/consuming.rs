//! Consumers: order, prefetch, how they end.

use fanout::broker::BrokerError;

use super::subject::{SOON, Subject, bodies, end, message, next, silence, take};
use crate::support::within;

pub async fn deliveries_come_in_order_with_tags_from_one(subject: &Subject) {
    subject.publish("main", &["1", "2", "3"]).await;
    let mut subscription = subject.consume("main", 10).await;
    let deliveries = take(&mut subscription, 3).await;
    assert_eq!(bodies(&deliveries), ["1", "2", "3"]);
    let tags: Vec<_> = deliveries.iter().map(|d| d.tag).collect();
    assert_eq!(tags, [1, 2, 3]);
    for delivery in &deliveries {
        assert!(!delivery.redelivered);
        assert_eq!(delivery.delivery_count, Some(0));
        assert!(delivery.message.properties.headers.is_empty());
    }
}

pub async fn prefetch_bounds_what_is_unsettled(subject: &Subject) {
    subject.publish("main", &["1", "2", "3", "4", "5"]).await;
    let mut subscription = subject.consume("main", 2).await;
    let first = take(&mut subscription, 2).await;
    silence(&mut subscription).await;
    subscription.channel.ack(first[1].tag, true).await.unwrap();
    let second = take(&mut subscription, 2).await;
    silence(&mut subscription).await;
    subscription
        .channel
        .ack(second[0].tag, false)
        .await
        .unwrap();
    assert_eq!(next(&mut subscription).await.message.body, "5");
}

pub async fn a_queue_that_is_not_there_is_told(subject: &Subject) {
    let result = within("an answer", SOON, subject.broker.consume("nothing", 1)).await;
    assert!(
        matches!(result, Err(BrokerError::NotFound(_))),
        "{result:?}"
    );
    assert_eq!(subject.broker.depth("nothing").await, Ok(None));
    subject.ready("main", 0).await;
}

pub async fn after_cancel_the_stream_ends_and_what_is_unsettled_can_be_settled(subject: &Subject) {
    subject.publish("main", &["1", "2"]).await;
    let mut subscription = subject.consume("main", 10).await;
    let deliveries = take(&mut subscription, 2).await;
    subscription.channel.cancel().await.unwrap();
    assert_eq!(end(&mut subscription).await, None);
    subject.publish("main", &["3"]).await;
    subscription
        .channel
        .ack(deliveries[0].tag, false)
        .await
        .unwrap();
    subscription
        .channel
        .requeue(deliveries[1].tag)
        .await
        .unwrap();
    subject.ready("main", 2).await;
    subscription.channel.close().await.unwrap();
    let mut left = subject.drain("main", 2).await;
    left.sort_by_key(|d| d.message.body.clone());
    assert_eq!(bodies(&left), ["2", "3"]);
}

pub async fn deleting_a_queue_ends_the_stream_and_consuming_again_declares_it(subject: &Subject) {
    subject.publish("main", &["1"]).await;
    let mut subscription = subject.consume("main", 10).await;
    let held = next(&mut subscription).await;
    subject.operator.delete_queue("main").await;
    assert_eq!(end(&mut subscription).await, None);
    // Of a queue that is gone; harmless.
    subscription.channel.ack(held.tag, false).await.unwrap();

    let mut subscription = subject.consume("main", 10).await;
    let publish = subject
        .broker
        .publish(message("topic", "order.created", "2"));
    publish.await.unwrap();
    assert_eq!(next(&mut subscription).await.message.body, "2");
}
