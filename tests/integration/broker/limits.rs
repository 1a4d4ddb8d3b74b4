//! Messages at and beyond what the broker and a frame take.

use fanout::broker::{Broker, HeaderValue, PublishError};
use fanout::config::BrokerConfig;
use futures::StreamExt;
use futures::future::join_all;
use serde_json::json;

use super::{connected, default_topology, fill, message, next};
use crate::support::rabbitmq::RabbitMq;
use crate::support::within;

const MIB: usize = 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_body_beyond_the_brokers_own_limit_is_too_large_and_its_neighbours_can_be_repeated() {
    let vhost = RabbitMq::shared().await.vhost("too-large").await;
    let config = BrokerConfig {
        max_message_bytes: 32 * MIB,
        ..vhost.config()
    };
    let broker = connected(config, default_topology()).await;
    let body = |n: usize| "x".repeat(if n == 10 { 17 * MIB } else { 100 });
    let publishes = (0..20).map(|n| broker.publish(message("", "events.dlq", body(n))));
    let mut confirmed = 0;
    for (n, result) in join_all(publishes).await.into_iter().enumerate() {
        match result {
            Err(error) if n == 10 => {
                assert_eq!(error, PublishError::TooLarge { bytes: 17 * MIB });
            }
            // The channel went down under them: nobody knows.
            Err(error) => assert!(matches!(error, PublishError::NotConnected(_)), "{error}"),
            Ok(()) => confirmed += 1,
        }
    }
    let ready = broker.depth("events.dlq").await.unwrap().unwrap().ready;
    assert!(ready >= confirmed, "{ready} of {confirmed} confirmed");
    fill(&broker, "events.dlq", 3).await;

    let refused = broker
        .publish(message("", "events.dlq", "x".repeat(33 * MIB)))
        .await;
    assert_eq!(refused, Err(PublishError::TooLarge { bytes: 33 * MIB }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn headers_up_to_the_limit_arrive_and_larger_ones_are_refused_before_they_kill_the_connection()
 {
    let vhost = RabbitMq::shared().await.vhost("headers").await;
    let broker = connected(vhost.config(), default_topology()).await;
    let with_header = |bytes: usize| {
        let mut message = message("", "events.dlq", "body");
        let header = ("big".to_owned(), HeaderValue::Text("x".repeat(bytes)));
        message.properties.headers.extend([header]);
        message
    };
    let result = broker.publish(with_header(200 * 1024)).await;
    let Err(PublishError::HeadersTooLarge { limit, .. }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(
        limit,
        120 * 1024,
        "a frame of 128 KiB less what the broker adds"
    );
    let largest = with_header(limit - 100);
    broker.publish(largest.clone()).await.unwrap();
    let mut subscription = broker.consume("events.dlq", 1).await.unwrap();
    let delivery = next(&mut subscription).await;
    assert_eq!(delivery.message.properties, largest.properties);
    assert_eq!(broker.status().borrow().epoch, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn where_the_server_allows_it_a_megabyte_of_foreign_headers_arrives_and_can_be_republished() {
    let rabbit = RabbitMq::own("frame_max = 4194304").await;
    let vhost = rabbit.vhost("frames").await;
    let broker = connected(vhost.config(), default_topology()).await;
    let properties = json!({"headers": {"big": "x".repeat(MIB)}, "delivery_mode": 1});
    vhost.publish_raw("events.neo4j", properties, "body").await;
    let mut subscription = broker.consume("events.neo4j", 1).await.unwrap();
    let delivery = next(&mut subscription).await;
    let big = &delivery.message.properties.headers["big"];
    assert_eq!(big.as_str().map(str::len), Some(MIB));
    assert!(!delivery.message.properties.persistent);

    let mut copy = delivery.message.clone();
    copy.exchange = String::new();
    copy.routing_key = "events.dlq".to_owned();
    broker.publish(copy).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn an_exchange_deleted_under_the_publisher_is_told_and_publishing_goes_on() {
    let vhost = RabbitMq::shared().await.vhost("deleted").await;
    let broker = connected(vhost.config(), default_topology()).await;
    broker
        .publish(message("events", "", "known"))
        .await
        .unwrap();
    let path = vhost.path("exchanges", "events");
    vhost.management().delete(&path).await;
    let exchange = |n: usize| if n % 10 == 5 { "events" } else { "" };
    let publishes = (0..200).map(|n| broker.publish(message(exchange(n), "events.dlq", "x")));
    let results = join_all(publishes).await;
    let told = PublishError::NoExchange("events".to_owned());
    assert!(results.contains(&Err(told.clone())), "{results:?}");
    for (n, result) in results.iter().enumerate() {
        match result {
            Ok(()) => assert_eq!(exchange(n), "", "message {n}"),
            Err(error) if exchange(n) == "events" && *error == told => {}
            Err(error) => assert!(matches!(error, PublishError::NotConnected(_)), "{error}"),
        }
    }
    crate::support::eventually("publishing goes on", super::SOON, async || {
        broker
            .publish(message("", "events.dlq", "after"))
            .await
            .ok()
    })
    .await;
    println!("epoch {}", broker.status().borrow().epoch);
    let again = broker.publish(message("events", "", "x")).await;
    assert_eq!(again, Err(told));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn foreign_headers_beyond_the_frame_are_named_as_what_ends_the_connection() {
    // AMQP 1.0 and the management API put no limit on headers; RabbitMQ delivers them in a
    // frame larger than agreed, and the client library parts with it.
    let vhost = RabbitMq::shared().await.vhost("oversize").await;
    let broker = connected(vhost.config(), default_topology()).await;
    let properties = json!({"headers": {"big": "x".repeat(200 * 1024)}, "delivery_mode": 2});
    vhost.publish_raw("events.neo4j", properties, "body").await;
    let mut statuses = broker.status();
    let mut subscription = broker.consume("events.neo4j", 10).await.unwrap();
    let named = statuses.wait_for(|s| s.last_error.is_some());
    let status = within("the end", super::SOON, named).await.unwrap().clone();
    let error = status.last_error.unwrap();
    assert!(error.contains("raise frame_max"), "{error}");
    assert!(subscription.deliveries.next().await.unwrap().is_err());
}
