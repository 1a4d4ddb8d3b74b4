//! Publishing, confirms, routing.

use std::time::Duration;

use bytes::Bytes;
use fanout::broker::{BrokerError, HeaderValue, Headers, Message, Properties, PublishError};
use futures::future::join_all;

use super::subject::{SOON, Subject, bodies, message};
use crate::support::within;

pub async fn a_confirmed_message_is_in_its_queue(subject: &Subject) {
    subject.publish("main", &["1", "2"]).await;
    let depth = subject.broker.depth("main").await.unwrap().unwrap();
    assert_eq!((depth.ready, depth.consumers), (2, 0));
    assert_eq!(bodies(&subject.drain("main", 2).await), ["1", "2"]);
}

pub async fn a_message_no_queue_takes_is_returned_and_its_neighbours_are_confirmed(
    subject: &Subject,
) {
    let key = |n: usize| if n % 5 == 2 { "nowhere" } else { "main" };
    let publishes = (0..100).map(|n| subject.broker.publish(message("", key(n), "body")));
    let unroutable = PublishError::Unroutable {
        exchange: String::new(),
        routing_key: "nowhere".to_owned(),
    };
    for (n, result) in join_all(publishes).await.into_iter().enumerate() {
        match key(n) {
            "nowhere" => assert_eq!(result, Err(unroutable.clone()), "message {n}"),
            _ => assert_eq!(result, Ok(()), "message {n}"),
        }
    }
    subject.ready("main", 80).await;
}

pub async fn a_missing_exchange_is_told_and_harms_no_neighbour(subject: &Subject) {
    let exchange = |n: usize| if n % 10 == 5 { "nothing" } else { "" };
    let publishes = (0..50).map(|n| subject.broker.publish(message(exchange(n), "main", "body")));
    for (n, result) in join_all(publishes).await.into_iter().enumerate() {
        match exchange(n) {
            "" => assert_eq!(result, Ok(()), "message {n}"),
            name => assert_eq!(result, Err(PublishError::NoExchange(name.to_owned()))),
        }
    }
    subject.ready("main", 45).await;
}

/// Fills `small` until it refuses, and says how many it took; it may be a few more than its limit.
async fn fill_small(subject: &Subject) -> u64 {
    let body = "x".repeat(200);
    for taken in 0..100 {
        match subject.broker.publish(message("", "small", &body)).await {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(error, PublishError::Refused);
                return taken;
            }
        }
    }
    panic!("a queue of 1,000 bytes took 20,000");
}

pub async fn a_full_queue_refuses_the_publisher(subject: &Subject) {
    let taken = fill_small(subject).await;
    assert!(taken >= 3, "{taken}");
    let mut subscription = subject.consume("small", 100).await;
    let first = super::subject::next(&mut subscription).await;
    subscription.channel.ack(first.tag, true).await.unwrap();
    subscription.channel.close().await.unwrap();
    drop(subscription);
    subject.ready("small", taken - 1).await;
}

pub async fn a_refusal_by_one_queue_of_a_fanout_leaves_the_message_with_the_others(
    subject: &Subject,
) {
    fill_small(subject).await;
    let result = subject.broker.publish(message("full", "", "body")).await;
    assert_eq!(result, Err(PublishError::Refused));
    subject.ready("main", 1).await;
}

pub async fn a_fanout_exchange_reaches_every_bound_queue_once(subject: &Subject) {
    let publish = subject.broker.publish(message("fan", "any.key", "body"));
    publish.await.unwrap();
    for queue in ["main", "other"] {
        let deliveries = subject.drain(queue, 1).await;
        assert_eq!(deliveries[0].message.exchange, "fan");
        assert_eq!(deliveries[0].message.routing_key, "any.key");
    }
}

pub async fn a_topic_exchange_reaches_what_matches_and_returns_the_rest(subject: &Subject) {
    let routed = [
        "order.created",
        "payment.created",
        "payment.failed",
        "audit",
        "audit.a.b",
    ];
    for key in routed {
        let publish = subject.broker.publish(message("topic", key, key));
        assert_eq!(publish.await, Ok(()), "{key}");
    }
    for key in ["order.item.created", "created", "payment", "payment.a.b"] {
        let publish = subject.broker.publish(message("topic", key, key)).await;
        let unroutable = matches!(publish, Err(PublishError::Unroutable { .. }));
        assert!(unroutable, "{key}: {publish:?}");
    }
    let main = subject.drain("main", 2).await;
    assert_eq!(bodies(&main), ["order.created", "payment.created"]);
    let other = subject.drain("other", 4).await;
    let expected = ["payment.created", "payment.failed", "audit", "audit.a.b"];
    assert_eq!(bodies(&other), expected);
}

pub async fn properties_headers_and_body_arrive_as_they_were_sent(subject: &Subject) {
    let text = |t: &str| Some(t.to_owned());
    let nested = Headers::from([
        ("inner".to_owned(), HeaderValue::from("text")),
        ("count".to_owned(), HeaderValue::Int(-1)),
    ]);
    let headers = Headers::from([
        ("void".to_owned(), HeaderValue::Void),
        ("bool".to_owned(), HeaderValue::Bool(true)),
        ("int".to_owned(), HeaderValue::Int(i64::MIN)),
        ("double".to_owned(), HeaderValue::Double(1.5)),
        ("text".to_owned(), HeaderValue::from("Grüße")),
        (
            "bytes".to_owned(),
            HeaderValue::Bytes(Bytes::from_static(&[0xff, 0])),
        ),
        ("time".to_owned(), HeaderValue::Timestamp(1_700_000_000)),
        (
            "list".to_owned(),
            HeaderValue::List(vec![
                HeaderValue::Int(1),
                HeaderValue::Table(nested.clone()),
            ]),
        ),
        ("table".to_owned(), HeaderValue::Table(nested)),
    ]);
    let sent = Message {
        exchange: "fan".to_owned(),
        routing_key: "k".to_owned(),
        properties: Properties {
            message_id: text("id-1"),
            kind: text("order.placed"),
            timestamp: Some(1_700_000_000),
            content_type: text("application/json"),
            content_encoding: text("gzip"),
            app_id: text("shop"),
            correlation_id: text("c"),
            reply_to: text("r"),
            expiration: text("600000"),
            user_id: text("guest"),
            priority: Some(4),
            persistent: true,
            headers,
        },
        body: Bytes::from_static(&[0, 1, 0xfe, 0xff]),
    };
    subject.broker.publish(sent.clone()).await.unwrap();
    let deliveries = subject.drain("main", 1).await;
    assert_eq!(deliveries[0].message, sent);
}

pub async fn what_would_close_the_channel_is_invalid(subject: &Subject) {
    let mut foreign = message("", "main", "body");
    foreign.properties.user_id = Some("somebody-else".to_owned());
    let mut endless = message("", "main", "body");
    endless.properties.expiration = Some("never".to_owned());
    let mut long = message("", "main", "body");
    long.properties.message_id = Some("x".repeat(256));
    let mut copy = message("", "main", "body");
    let header = ("CC".to_owned(), HeaderValue::from("other"));
    copy.properties.headers.extend([header]);
    for invalid in [foreign, endless, long, copy] {
        let properties = invalid.properties.clone();
        let result = subject.broker.publish(invalid).await;
        let refused = matches!(result, Err(PublishError::Invalid(_)));
        assert!(refused, "{result:?} for {properties:?}");
    }
    subject.publish("main", &["good"]).await;
    subject.ready("main", 1).await;
}

pub async fn a_closed_broker_neither_publishes_nor_consumes(subject: &Subject) {
    let mut subscription = subject.consume("main", 1).await;
    within("closed", Duration::from_secs(5), subject.broker.close()).await;
    super::subject::end(&mut subscription).await;
    let result = subject.broker.publish(message("", "main", "late")).await;
    let away = matches!(result, Err(PublishError::NotConnected(_)));
    assert!(away, "{result:?}");
    let result = within("an answer", SOON, subject.broker.consume("main", 1)).await;
    let away = matches!(result, Err(BrokerError::NotConnected(_)));
    assert!(away, "{result:?}");
}
