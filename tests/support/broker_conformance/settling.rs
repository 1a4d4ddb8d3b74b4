//! Acknowledging, giving back, and what a wrong tag does.

use fanout::broker::{BrokerError, Subscription};

use super::subject::{Subject, bodies, end, next, silence, take};

pub async fn a_multiple_ack_settles_everything_up_to_its_tag(subject: &Subject) {
    subject.publish("main", &["1", "2", "3"]).await;
    let mut subscription = subject.consume("main", 10).await;
    let deliveries = take(&mut subscription, 3).await;
    subscription
        .channel
        .ack(deliveries[1].tag, true)
        .await
        .unwrap();
    subscription.channel.close().await.unwrap();
    assert_eq!(bodies(&subject.drain("main", 1).await), ["3"]);
}

pub async fn a_single_ack_leaves_what_is_below_its_tag(subject: &Subject) {
    subject.publish("main", &["1", "2", "3"]).await;
    let mut subscription = subject.consume("main", 10).await;
    let deliveries = take(&mut subscription, 3).await;
    subscription
        .channel
        .ack(deliveries[1].tag, false)
        .await
        .unwrap();
    subscription.channel.close().await.unwrap();
    assert_eq!(bodies(&subject.drain("main", 2).await), ["1", "3"]);
}

pub async fn a_requeued_message_comes_next_redelivered_and_counted(subject: &Subject) {
    subject.publish("main", &["1", "2", "3", "4"]).await;
    let mut subscription = subject.consume("main", 2).await;
    let deliveries = take(&mut subscription, 2).await;
    subscription
        .channel
        .requeue(deliveries[0].tag)
        .await
        .unwrap();
    let again = next(&mut subscription).await;
    assert_eq!(again.message.body, "1");
    assert!(again.redelivered);
    // RabbitMQ 4.0 to 4.2 count each requeue, 4.3 counts losses and rejects only.
    assert_eq!(again.delivery_count, Some(1));
    assert_eq!(again.tag, 3, "a new tag");
    assert!(again.message.properties.headers.is_empty());
}

pub async fn a_classic_queue_counts_no_deliveries(subject: &Subject) {
    subject.publish("classic", &["1"]).await;
    let mut subscription = subject.consume("classic", 1).await;
    let first = next(&mut subscription).await;
    assert_eq!((first.redelivered, first.delivery_count), (false, None));
    subscription.channel.requeue(first.tag).await.unwrap();
    let again = next(&mut subscription).await;
    assert_eq!((again.redelivered, again.delivery_count), (true, None));
}

pub async fn a_closed_channel_gives_back_in_order(subject: &Subject) {
    subject.publish("main", &["1", "2", "3", "4"]).await;
    let mut subscription = subject.consume("main", 3).await;
    let held = take(&mut subscription, 3).await;
    subscription.channel.close().await.unwrap();
    end(&mut subscription).await;
    let late = subscription.channel.ack(held[0].tag, false).await;
    assert!(late.is_err(), "a tag means nothing on a closed channel");

    let again = subject.drain("main", 4).await;
    assert_eq!(bodies(&again), ["1", "2", "3", "4"]);
    let redelivered: Vec<_> = again.iter().map(|d| d.redelivered).collect();
    assert_eq!(redelivered, [true, true, true, false]);
    assert_eq!(again[0].delivery_count, Some(1));
}

pub async fn a_dropped_subscription_gives_back(subject: &Subject) {
    subject.publish("main", &["1"]).await;
    let mut subscription = subject.consume("main", 10).await;
    next(&mut subscription).await;
    drop(subscription);
    let again = subject.drain("main", 1).await;
    assert!(again[0].redelivered);
}

/// The channel closes; what was unsettled on it comes to the next one.
async fn closes_and_gives_back(subject: &Subject, mut subscription: Subscription, left: &[&str]) {
    let error = end(&mut subscription).await;
    let closed = matches!(error, Some(BrokerError::ChannelClosed(_)));
    assert!(closed, "{error:?}");
    let late = subscription.channel.ack(1, true).await;
    assert!(late.is_err(), "the channel is closed");
    drop(subscription);
    assert_eq!(bodies(&subject.drain("main", left.len()).await), left);
    // The connection and its other channels are untouched.
    assert_eq!(subject.broker.status().borrow().epoch, 1);
    subject.publish("main", &["after"]).await;
}

pub async fn an_unknown_tag_closes_the_channel_and_gives_back(subject: &Subject) {
    subject.publish("main", &["1", "2"]).await;
    let mut subscription = subject.consume("main", 10).await;
    take(&mut subscription, 2).await;
    silence(&mut subscription).await;
    // Written is all it promises; the answer of the broker is the end of the stream.
    let _ = subscription.channel.ack(99, false).await;
    closes_and_gives_back(subject, subscription, &["1", "2"]).await;
}

pub async fn acknowledging_twice_closes_the_channel(subject: &Subject) {
    subject.publish("main", &["1", "2"]).await;
    let mut subscription = subject.consume("main", 10).await;
    let deliveries = take(&mut subscription, 2).await;
    subscription
        .channel
        .ack(deliveries[0].tag, false)
        .await
        .unwrap();
    let _ = subscription.channel.ack(deliveries[0].tag, true).await;
    closes_and_gives_back(subject, subscription, &["2"]).await;
}
