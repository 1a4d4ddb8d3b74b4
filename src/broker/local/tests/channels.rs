//! Consumers, tags and settlement.

use super::*;

#[tokio::test(start_paused = true)]
async fn prefetch_bounds_what_is_unsettled() {
    let broker = broker_with(vec![limited("q")]);
    publish(&broker, "q", &["1", "2", "3", "4", "5"]).await;
    let mut consumer = broker.consume("q", 2).await.unwrap();
    assert_eq!(delivered(&buffered(&mut consumer).await), ["1", "2"]);
    consumer.channel.ack(1, false).await.unwrap();
    assert_eq!(delivered(&buffered(&mut consumer).await), ["3"]);
    consumer.channel.ack(3, true).await.unwrap();
    assert_eq!(delivered(&buffered(&mut consumer).await), ["4", "5"]);
}

#[tokio::test(start_paused = true)]
async fn consumers_take_turns() {
    let broker = broker_with(vec![limited("q")]);
    let mut first = broker.consume("q", 10).await.unwrap();
    let mut second = broker.consume("q", 10).await.unwrap();
    publish(&broker, "q", &["1", "2", "3", "4"]).await;
    assert_eq!(delivered(&buffered(&mut first).await), ["1", "3"]);
    assert_eq!(delivered(&buffered(&mut second).await), ["2", "4"]);
}

#[tokio::test(start_paused = true)]
async fn a_multiple_ack_settles_everything_up_to_its_tag() {
    let broker = broker_with(vec![limited("q")]);
    publish(&broker, "q", &["1", "2", "3", "4"]).await;
    let mut consumer = broker.consume("q", 10).await.unwrap();
    buffered(&mut consumer).await;
    consumer.channel.ack(3, true).await.unwrap();
    consumer.channel.close().await.unwrap();
    assert_eq!(ready(broker.server(), "q"), ["4"]);
}

#[tokio::test(start_paused = true)]
async fn a_single_ack_leaves_what_is_below_its_tag() {
    let broker = broker_with(vec![limited("q")]);
    publish(&broker, "q", &["1", "2", "3"]).await;
    let mut consumer = broker.consume("q", 10).await.unwrap();
    buffered(&mut consumer).await;
    consumer.channel.ack(2, false).await.unwrap();
    consumer.channel.close().await.unwrap();
    assert_eq!(ready(broker.server(), "q"), ["1", "3"]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_or_settled_tag_closes_the_channel_and_gives_everything_back() {
    for (settled, multiple) in [(false, false), (true, false), (true, true)] {
        let broker = broker_with(vec![limited("q")]);
        publish(&broker, "q", &["1", "2", "3"]).await;
        let mut consumer = broker.consume("q", 10).await.unwrap();
        buffered(&mut consumer).await;
        if settled {
            consumer.channel.ack(2, false).await.unwrap();
        }
        let tag = if settled { 2 } else { 99 };
        let error = consumer.channel.ack(tag, multiple).await.unwrap_err();
        assert!(error.to_string().contains("406"), "{error}");
        assert_eq!(broker.server().protocol_errors().len(), 1);
        assert!(matches!(
            end_of(&mut consumer).await,
            Some(BrokerError::ChannelClosed(_))
        ));
        let left = ready(broker.server(), "q");
        assert_eq!(left.len(), if settled { 2 } else { 3 });
        assert!(consumer.channel.ack(1, false).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_requeued_message_comes_next_and_is_counted() {
    let broker = broker_with(vec![limited("q")]);
    publish(&broker, "q", &["1", "2", "3"]).await;
    let mut consumer = broker.consume("q", 2).await.unwrap();
    let first = next(&mut consumer).await;
    assert_eq!((first.redelivered, first.delivery_count), (false, Some(0)));
    consumer.channel.requeue(1).await.unwrap();
    let later = buffered(&mut consumer).await;
    assert_eq!(delivered(&later), ["2", "1"]);
    assert_eq!(
        (later[1].tag, later[1].redelivered, later[1].delivery_count),
        (3, true, Some(1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_closed_channel_gives_back_in_order_with_the_count_raised() {
    let broker = broker_with(vec![limited("q")]);
    publish(&broker, "q", &["1", "2", "3"]).await;
    let mut consumer = broker.consume("q", 2).await.unwrap();
    buffered(&mut consumer).await;
    consumer.channel.close().await.unwrap();
    assert_eq!(end_of(&mut consumer).await, None);
    let mut again = broker.consume("q", 10).await.unwrap();
    let deliveries = buffered(&mut again).await;
    assert_eq!(delivered(&deliveries), ["1", "2", "3"]);
    let counts: Vec<_> = deliveries.iter().map(|d| d.delivery_count).collect();
    assert_eq!(counts, [Some(1), Some(1), Some(0)]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_channel_gives_back() {
    let broker = broker_with(vec![limited("q")]);
    publish(&broker, "q", &["1"]).await;
    let mut consumer = broker.consume("q", 2).await.unwrap();
    next(&mut consumer).await;
    drop(consumer);
    assert_eq!(ready(broker.server(), "q"), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn after_cancel_the_stream_ends_and_what_is_unsettled_can_be_settled() {
    let broker = broker_with(vec![limited("q")]);
    publish(&broker, "q", &["1", "2", "3"]).await;
    let mut consumer = broker.consume("q", 2).await.unwrap();
    consumer.channel.cancel().await.unwrap();
    assert_eq!(end_of(&mut consumer).await, None);
    consumer.channel.ack(1, false).await.unwrap();
    consumer.channel.requeue(2).await.unwrap();
    assert_eq!(ready(broker.server(), "q"), ["2", "3"]);
    assert_eq!(broker.depth("q").await.unwrap().unwrap().consumers, 0);
}

#[tokio::test(start_paused = true)]
async fn deleting_a_queue_ends_the_stream_and_acks_of_it_do_no_harm() {
    let broker = broker_with(vec![limited("q")]);
    publish(&broker, "q", &["1"]).await;
    let mut consumer = broker.consume("q", 2).await.unwrap();
    assert!(broker.server().delete_queue("q"));
    assert_eq!(end_of(&mut consumer).await, None);
    consumer.channel.ack(1, false).await.unwrap();
    assert_eq!(broker.depth("q").await.unwrap(), None);
    broker.consume("q", 2).await.expect("declared anew");
}

#[tokio::test(start_paused = true)]
async fn a_queue_outside_the_topology_is_not_found() {
    let broker = broker_with(vec![]);
    let error = broker.consume("q", 1).await.unwrap_err();
    assert!(matches!(error, BrokerError::NotFound(_)));
    assert!(!error.is_temporary());
}

#[tokio::test(start_paused = true)]
async fn a_delivery_held_longer_than_the_consumer_timeout_closes_the_channel() {
    let broker = broker_with(vec![limited("q")]);
    publish(&broker, "q", &["1", "2"]).await;
    let mut consumer = broker.consume("q", 10).await.unwrap();
    buffered(&mut consumer).await;
    tokio::time::sleep(Duration::from_secs(29 * 60)).await;
    consumer.channel.ack(1, false).await.unwrap();
    let error = end_of(&mut consumer).await.expect("an error");
    assert!(error.to_string().contains("timed out"), "{error}");
    assert_eq!(ready(broker.server(), "q"), ["2"]);
}
