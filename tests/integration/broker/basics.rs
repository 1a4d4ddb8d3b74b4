//! Connect, consume, acknowledge, publish with confirm.

use fanout::broker::{Broker, ConnectionState, PublishError};

use super::{connected, default_topology, fill, message, next};
use crate::support::rabbitmq::RabbitMq;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn what_is_published_to_the_exchange_arrives_in_every_queue_and_leaves_it_when_acknowledged()
{
    let vhost = RabbitMq::shared().await.vhost("basics").await;
    let broker = connected(vhost.config(), default_topology()).await;
    assert_eq!(broker.status().borrow().state, ConnectionState::Connected);

    broker
        .publish(message("events", "", "hello"))
        .await
        .unwrap();
    for queue in ["events.neo4j", "events.qdrant"] {
        let mut subscription = broker.consume(queue, 10).await.unwrap();
        let delivery = next(&mut subscription).await;
        assert_eq!(delivery.message.body, "hello");
        assert_eq!(delivery.message.exchange, "events");
        assert!(delivery.message.properties.headers.is_empty());
        assert!(!delivery.redelivered);
        subscription.channel.ack(delivery.tag, false).await.unwrap();
        subscription.channel.close().await.unwrap();
        assert_eq!(broker.depth(queue).await.unwrap().unwrap().ready, 0);
    }
    broker.close().await;
    assert_eq!(
        broker.status().borrow().state,
        ConnectionState::Disconnected
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_thousand_side_by_side_publishes_are_each_confirmed_or_returned() {
    let vhost = RabbitMq::shared().await.vhost("window").await;
    let broker = connected(vhost.config(), default_topology()).await;
    let publishes = (0..1000).map(|n| {
        let key = if n % 3 == 0 { "nowhere" } else { "events.dlq" };
        broker.publish(message("", key, n.to_string()))
    });
    let results = futures::future::join_all(publishes).await;
    for (n, result) in results.into_iter().enumerate() {
        if n % 3 == 0 {
            let expected = PublishError::Unroutable {
                exchange: String::new(),
                routing_key: "nowhere".to_owned(),
            };
            assert_eq!(result, Err(expected), "message {n}");
        } else {
            assert_eq!(result, Ok(()), "message {n}");
        }
    }
    assert_eq!(
        broker.depth("events.dlq").await.unwrap().unwrap().ready,
        666
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn purge_says_how_many_messages_it_removed() {
    let vhost = RabbitMq::shared().await.vhost("purge").await;
    let broker = connected(vhost.config(), default_topology()).await;
    fill(&broker, "events.dlq", 7).await;
    assert_eq!(broker.purge("events.dlq").await, Ok(Some(7)));
    assert_eq!(broker.purge("events.nothing").await, Ok(None));
    assert_eq!(broker.depth("events.nothing").await, Ok(None));
    assert_eq!(broker.depth("events.dlq").await.unwrap().unwrap().ready, 0);
}
