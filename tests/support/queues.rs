//! Looking into queues of a broker under test.

use std::time::Duration;

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, Delivery, Message};
use futures::{StreamExt, stream};

use super::{eventually, within};

/// For whatever happens within a second on an idle machine; tests share it with servers.
const SOON: Duration = Duration::from_secs(60);

/// Publishes all of it, confirmed. No more at once than the window of confirms takes: what
/// waits for its turn waits for its deadline, too.
pub async fn publish(broker: &AmqpBroker, messages: impl IntoIterator<Item = Message>) {
    let publishes = messages.into_iter().map(|message| broker.publish(message));
    let mut publishes = stream::iter(publishes).buffer_unordered(400);
    while let Some(confirmed) = publishes.next().await {
        confirmed.unwrap();
    }
}

/// Messages ready in a queue.
pub async fn ready(broker: &AmqpBroker, queue: &str) -> u64 {
    broker.depth(queue).await.unwrap().unwrap().ready
}

/// Waits until so many messages are ready in a queue.
pub async fn ready_is(broker: &AmqpBroker, queue: &str, count: u64) {
    let mut last = None;
    let look = async || {
        last = broker.depth(queue).await.ok().flatten();
        last.is_some_and(|depth| depth.ready == count).then_some(())
    };
    let waited = tokio::time::timeout(SOON, eventually(queue, SOON * 2, look)).await;
    assert!(waited.is_ok(), "{queue}: {last:?}, not {count}");
}

/// All messages ready in a queue, which keeps them.
pub async fn look_into(broker: &AmqpBroker, queue: &str) -> Vec<Delivery> {
    let count = ready(broker, queue).await;
    let mut subscription = broker.consume(queue, u16::MAX).await.unwrap();
    let mut found = Vec::new();
    for _ in 0..count {
        let next = within("a message", SOON, subscription.deliveries.next()).await;
        found.push(next.unwrap().unwrap());
    }
    subscription.channel.close().await.unwrap();
    ready_is(broker, queue, count).await;
    found
}
