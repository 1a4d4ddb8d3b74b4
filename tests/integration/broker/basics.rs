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

/// Everything logged from level debug on.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn no_payload_and_no_password_is_ever_logged() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .init();
    let rabbit = RabbitMq::shared().await;
    let vhost = rabbit.vhost("log").await;
    let proxy = rabbit.proxy().await;
    let mut config = vhost.config_at(proxy.port());
    let url = config.urls[0]
        .expose()
        .replace("guest:guest", "guest:gu%65st");
    config.urls = vec![fanout::config::Secret::new(url)];
    let broker = connected(config, default_topology()).await;
    let payload = "this-is-the-payload";
    let returned = broker.publish(message("", "nowhere", payload)).await;
    assert!(returned.is_err());
    fill(&broker, "events.dlq", 1).await;
    proxy.cut().await;
    let lost = "connection to the broker lost";
    let text = crate::support::eventually("the loss is logged", super::SOON, async || {
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        text.contains(lost).then_some(text)
    })
    .await;
    assert!(!text.contains(payload), "{text}");
    // As it shows in a debug print of bytes.
    assert!(!text.contains("116, 104, 105, 115, 45"), "{text}");
    assert!(
        !text.contains("gu%65st") && !text.contains("guest:guest"),
        "{text}"
    );
}
