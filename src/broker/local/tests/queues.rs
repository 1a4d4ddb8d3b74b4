//! Routing, limits, expiry and dead letters.

use super::*;
use crate::broker::{HeaderValue, PublishError};

const AT_LEAST_ONCE: [(&str, &str); 3] = [
    ("x-dead-letter-exchange", ""),
    ("x-dead-letter-strategy", "at-least-once"),
    ("x-overflow", "reject-publish"),
];

/// Dead-letters into `to`, at least once, after `ttl` milliseconds.
fn expiring(name: &str, to: &str, ttl: i64) -> Queue {
    let mut queue = limited(name);
    queue
        .arguments
        .extend(AT_LEAST_ONCE.map(|(key, value)| (key, text(value))));
    queue
        .arguments
        .insert("x-dead-letter-routing-key", text(to));
    queue.arguments.insert("x-message-ttl", Argument::Int(ttl));
    queue
}

#[tokio::test(start_paused = true)]
async fn a_fanout_exchange_reaches_every_bound_queue_once() {
    let broker = bound(ExchangeKind::Fanout, &[("a", "#"), ("a", "x"), ("b", "#")]);
    broker.publish(message("events", "x", "1")).await.unwrap();
    assert_eq!(ready(broker.server(), "a"), ["1"]);
    assert_eq!(ready(broker.server(), "b"), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_topic_exchange_reaches_what_matches() {
    let bindings = [("a", "*.created"), ("b", "payment.*")];
    let broker = bound(ExchangeKind::Topic, &bindings);
    for key in ["order.created", "payment.created", "payment.settled"] {
        broker.publish(message("events", key, key)).await.unwrap();
    }
    let server = broker.server();
    assert_eq!(ready(server, "a"), ["order.created", "payment.created"]);
    assert_eq!(ready(server, "b"), ["payment.created", "payment.settled"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_without_a_queue_is_returned() {
    let broker = bound(ExchangeKind::Topic, &[("a", "x")]);
    let unroutable = broker.publish(message("events", "y", "1")).await;
    assert!(matches!(unroutable, Err(PublishError::Unroutable { .. })));
    let unroutable = broker.publish(message("", "nowhere", "1")).await;
    assert!(matches!(unroutable, Err(PublishError::Unroutable { .. })));
    let missing = broker.publish(message("nowhere", "x", "1")).await;
    assert_eq!(missing, Err(PublishError::NoExchange("nowhere".into())));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_and_its_neighbours_take_the_message_all_the_same() {
    let broker = bound(ExchangeKind::Fanout, &[("a", "#"), ("b", "#")]);
    broker.server().limit_bytes("a", Some(3));
    broker.publish(message("events", "", "123")).await.unwrap();
    let refused = broker.publish(message("events", "", "4")).await;
    assert_eq!(refused, Err(PublishError::Refused));
    assert_eq!(ready(broker.server(), "a"), ["123"]);
    assert_eq!(ready(broker.server(), "b"), ["123", "4"]);
    broker.server().purge("a");
    broker.publish(message("events", "", "5")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_reject_publish_a_full_queue_drops_its_head() {
    let short = queue("q", &[("x-max-length-bytes", Argument::Int(2))]);
    let broker = broker_with(vec![short]);
    publish(&broker, "q", &["1", "2", "3"]).await;
    assert_eq!(ready(broker.server(), "q"), ["2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_message_moves_along_its_dead_letter_route_with_x_death() {
    let broker = broker_with(vec![limited("main"), expiring("retry", "main", 5_000)]);
    let mut consumer = broker.consume("main", 10).await.unwrap();
    let start = tokio::time::Instant::now();
    publish(&broker, "retry", &["1"]).await;
    let delivery = next(&mut consumer).await;
    assert_eq!(start.elapsed().as_secs(), 5);
    assert_eq!(
        (delivery.redelivered, delivery.delivery_count),
        (false, Some(0))
    );
    assert_eq!(delivery.message.routing_key, "main");
    let headers = &delivery.message.properties.headers;
    let Some(HeaderValue::List(rows)) = headers.get("x-death") else {
        panic!("no x-death: {headers:?}");
    };
    let HeaderValue::Table(row) = &rows[0] else {
        panic!("no table");
    };
    assert_eq!(row["reason"], HeaderValue::from("expired"));
    assert_eq!(row["queue"], HeaderValue::from("retry"));
    assert_eq!(row["count"], HeaderValue::Int(1));
    assert_eq!(headers["x-first-death-queue"], HeaderValue::from("retry"));
    assert_eq!(headers["x-last-death-reason"], HeaderValue::from("expired"));
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_behind_the_head_waits_for_it() {
    let broker = broker_with(vec![limited("dead"), expiring("q", "dead", 60_000)]);
    let mut short = message("", "q", "short");
    short.properties.expiration = Some("10".to_owned());
    publish(&broker, "q", &["long"]).await;
    broker.publish(short).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(ready(broker.server(), "q"), ["long", "short"]);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(ready(broker.server(), "dead"), ["long", "short"]);
    let dead = broker.server().inspect("dead").unwrap();
    assert_eq!(dead.ready[1].properties.expiration, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_handed_out_does_not_expire_until_it_comes_back() {
    let broker = broker_with(vec![limited("dead"), expiring("q", "dead", 1_000)]);
    publish(&broker, "q", &["1"]).await;
    let mut consumer = broker.consume("q", 1).await.unwrap();
    next(&mut consumer).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(ready(broker.server(), "dead").is_empty());
    drop(consumer);
    assert_eq!(ready(broker.server(), "dead"), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn at_least_once_keeps_a_dead_letter_until_its_target_takes_it() {
    let broker = broker_with(vec![limited("dead"), expiring("q", "dead", 1_000)]);
    let server = broker.server();
    server.limit_bytes("dead", Some(0));
    publish(&broker, "q", &["1"]).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let kept = server.inspect("q").unwrap();
    assert_eq!(bodies(&kept.dead_lettering), ["1"]);
    server.limit_bytes("dead", None);
    tokio::time::sleep(Duration::from_secs(180)).await;
    assert_eq!(ready(server, "dead"), ["1"]);
    assert_eq!(server.inspect("q").unwrap().messages().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn at_most_once_loses_a_dead_letter_its_target_refuses() {
    let mut loose = expiring("q", "dead", 1_000);
    loose.arguments.remove("x-dead-letter-strategy");
    let broker = broker_with(vec![limited("dead"), loose]);
    broker.server().limit_bytes("dead", Some(0));
    publish(&broker, "q", &["1"]).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(broker.server().inspect("q").unwrap().messages().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cycle_of_expiry_ends() {
    let broker = broker_with(vec![expiring("a", "b", 10), expiring("b", "a", 10)]);
    publish(&broker, "a", &["1"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(ready(broker.server(), "a").is_empty());
    assert!(ready(broker.server(), "b").is_empty());
}

#[tokio::test(start_paused = true)]
async fn beyond_the_delivery_limit_a_message_is_dead_lettered() {
    let mut strict = expiring("q", "dead", 600_000);
    strict
        .arguments
        .insert("x-delivery-limit", Argument::Int(2));
    let broker = broker_with(vec![limited("dead"), strict]);
    publish(&broker, "q", &["1"]).await;
    let mut consumer = broker.consume("q", 1).await.unwrap();
    for count in 0..3 {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.delivery_count, Some(count));
        consumer.channel.requeue(delivery.tag).await.unwrap();
    }
    let dead = broker.server().inspect("dead").unwrap();
    let reason = &dead.ready[0].properties.headers["x-last-death-reason"];
    assert_eq!(*reason, HeaderValue::from("delivery_limit"));
}

#[tokio::test(start_paused = true)]
async fn a_classic_queue_restores_the_position_and_counts_nothing() {
    let broker = broker_with(vec![classic("q")]);
    publish(&broker, "q", &["1", "2", "3"]).await;
    let mut consumer = broker.consume("q", 3).await.unwrap();
    let deliveries = buffered(&mut consumer).await;
    assert_eq!(deliveries[0].delivery_count, None);
    consumer.channel.cancel().await.unwrap();
    for tag in [3, 1, 2] {
        consumer.channel.requeue(tag).await.unwrap();
    }
    let mut again = broker.consume("q", 3).await.unwrap();
    let deliveries = buffered(&mut again).await;
    assert_eq!(delivered(&deliveries), ["1", "2", "3"]);
    assert!(deliveries.iter().all(|d| d.redelivered));
}

#[tokio::test(start_paused = true)]
async fn depth_counts_what_is_ready_without_what_is_handed_out() {
    let broker = broker_with(vec![limited("q")]);
    publish(&broker, "q", &["1", "2", "3"]).await;
    let _consumer = broker.consume("q", 1).await.unwrap();
    let depth = broker.depth("q").await.unwrap().unwrap();
    assert_eq!((depth.ready, depth.consumers), (2, 1));
    let contents = broker.server().inspect("q").unwrap();
    assert_eq!(bodies(&contents.unacknowledged), ["1"]);
    assert_eq!(broker.depth("nowhere").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_body_beyond_the_brokers_limit_is_refused() {
    let broker = broker_with(vec![limited("q")]);
    let mut large = message("", "q", "");
    large.body = vec![0; 17 << 20].into();
    let refused = broker.publish(large).await;
    assert!(matches!(refused, Err(PublishError::TooLarge { .. })));
}

#[tokio::test(start_paused = true)]
async fn properties_the_broker_would_close_the_channel_for_are_invalid() {
    let broker = broker_with(vec![limited("q")]);
    let mut foreign = message("", "q", "1");
    foreign.properties.user_id = Some("alice".to_owned());
    let mut unreadable = message("", "q", "1");
    unreadable.properties.expiration = Some("soon".to_owned());
    for message in [&foreign, &unreadable] {
        let refused = broker.publish(message.clone()).await;
        assert!(matches!(refused, Err(PublishError::Invalid(_))));
    }
    let mut large = message("", "q", "1");
    let header = HeaderValue::Text("x".repeat(1 << 20));
    large.properties.headers.insert("big".to_owned(), header);
    let refused = broker.publish(large.clone()).await;
    assert!(matches!(refused, Err(PublishError::HeadersTooLarge { .. })));
    broker.server().deposit(&foreign).unwrap();
    broker.server().deposit(&large).unwrap();
    assert_eq!(ready(broker.server(), "q").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn copies_multiply_a_message_unless_it_is_dead_lettered_under_a_new_key() {
    let mut queues = vec![limited("a"), limited("b"), limited("c")];
    queues.push(expiring("retry", "a", 1_000));
    let broker = broker_with(queues);
    let keys = |key: &str| HeaderValue::List(vec![HeaderValue::from(key)]);
    let mut copied = message("", "retry", "1");
    let headers = &mut copied.properties.headers;
    headers.insert("CC".to_owned(), keys("b"));
    headers.insert("BCC".to_owned(), keys("c"));
    broker.publish(copied).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    for queue in ["a", "b", "c"] {
        let contents = broker.server().inspect(queue).unwrap();
        assert_eq!(contents.ready.len(), 1, "{queue}");
        let headers = &contents.ready[0].properties.headers;
        assert!(!headers.contains_key("BCC"));
        assert_eq!(headers.contains_key("CC"), queue != "a");
    }
}

#[tokio::test(start_paused = true)]
async fn two_of_a_high_priority_pass_for_one_of_a_normal_one() {
    let broker = broker_with(vec![limited("q"), classic("c")]);
    for queue in ["q", "c"] {
        for (body, priority) in [("n1", 0), ("n2", 4), ("h1", 5), ("h2", 9), ("h3", 5)] {
            let mut message = message("", queue, body);
            message.properties.priority = Some(priority);
            broker.publish(message).await.unwrap();
        }
    }
    let mut quorum = broker.consume("q", 10).await.unwrap();
    assert_eq!(
        delivered(&buffered(&mut quorum).await),
        ["h1", "h2", "n1", "h3", "n2"]
    );
    // A classic queue that was not declared with priorities ignores them.
    let mut classic = broker.consume("c", 10).await.unwrap();
    assert_eq!(
        delivered(&buffered(&mut classic).await),
        ["n1", "n2", "h1", "h2", "h3"]
    );
}
