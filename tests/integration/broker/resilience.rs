//! Brokers that die, networks that break, alarms.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use fanout::broker::{Broker, BrokerError, ConnectionState, PublishError, Subscription};
use fanout::config::BrokerConfig;
use futures::StreamExt;
use tokio::time::Instant;

use super::{SOON, connected, default_topology, fill, message, next};
use crate::support::lines::Lines;
use crate::support::proxy::amqp_answers;
use crate::support::rabbitmq::RabbitMq;
use crate::support::{eventually, within};

const QUEUE: &str = "events.neo4j";

async fn consume(broker: &impl Broker, prefetch: u16) -> Subscription {
    loop {
        match within(
            "a consumer",
            Duration::from_secs(120),
            broker.consume(QUEUE, prefetch),
        )
        .await
        {
            Ok(subscription) => return subscription,
            Err(error) => assert!(error.is_temporary(), "{error}"),
        }
    }
}

/// Consumes and acknowledges until the stream ends; whether the ack was written or not.
async fn work(subscription: &mut Subscription, seen: &mut HashSet<String>, until: usize) {
    while let Some(Ok(delivery)) = subscription.deliveries.next().await {
        seen.insert(String::from_utf8(delivery.message.body.to_vec()).unwrap());
        let _ = subscription.channel.ack(delivery.tag, false).await;
        if seen.len() >= until {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_broker_killed_amid_acks_is_used_within_two_seconds_of_its_port_and_nothing_is_lost() {
    const COUNT: usize = 2000;
    let rabbit = RabbitMq::own("").await;
    let vhost = rabbit.vhost("kill").await;
    let proxy = rabbit.proxy().await;
    let broker = Arc::new(connected(vhost.config_at(proxy.port()), default_topology()).await);
    fill(&broker, QUEUE, COUNT).await;

    let mut seen = HashSet::new();
    let mut subscription = consume(&*broker, 100).await;
    work(&mut subscription, &mut seen, COUNT / 4).await;
    let (_, ()) = tokio::join!(work(&mut subscription, &mut seen, COUNT), rabbit.kill());
    assert!(seen.len() < COUNT, "killed too late to prove anything");
    let port = rabbit.restart().await;
    proxy.retarget(port);

    let resumed = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move {
            let mut subscription = consume(&*broker, 100).await;
            let first = next(&mut subscription).await;
            (subscription, first, Instant::now())
        }
    });
    let opened = eventually("the port opens", Duration::from_secs(60), async || {
        amqp_answers(port).await.then(Instant::now)
    })
    .await;
    let (mut subscription, first, at) = resumed.await.unwrap();
    let waited = at.saturating_duration_since(opened);
    println!("consuming {waited:?} after the port opened");
    assert!(waited < Duration::from_secs(2), "{waited:?}");

    seen.insert(String::from_utf8(first.message.body.to_vec()).unwrap());
    subscription.channel.ack(first.tag, false).await.unwrap();
    within("the rest", SOON, work(&mut subscription, &mut seen, COUNT)).await;
    assert_eq!(seen.len(), COUNT);
    assert!(broker.status().borrow().epoch >= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_connection_on_which_nothing_comes_is_given_up_within_two_heartbeats() {
    let rabbit = RabbitMq::shared().await;
    let vhost = rabbit.vhost("half-open").await;
    let proxy = rabbit.proxy().await;
    let config = BrokerConfig {
        heartbeat: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(1),
        ..vhost.config_at(proxy.port())
    };
    let two_heartbeats = 2 * config.heartbeat;
    let broker = connected(config, default_topology()).await;
    fill(&broker, QUEUE, 1).await;
    let mut subscription = consume(&broker, 10).await;
    let held = next(&mut subscription).await;

    proxy.swallow().await;
    let start = Instant::now();
    let end = within(
        "the end of the stream",
        SOON,
        subscription.deliveries.next(),
    )
    .await;
    assert!(
        matches!(end, Some(Err(BrokerError::NotConnected(_)))),
        "{end:?}"
    );
    let noticed = start.elapsed();
    println!("noticed after {noticed:?}");
    assert!(noticed < two_heartbeats, "{noticed:?}");
    let late = subscription.channel.ack(held.tag, false).await;
    assert!(late.is_err(), "a tag of an epoch that is over");
    let result = broker.publish(message("", QUEUE, "away")).await;
    assert!(
        matches!(result, Err(PublishError::NotConnected(_))),
        "{result:?}"
    );

    proxy.pass().await;
    let mut subscription = consume(&broker, 10).await;
    let again = next(&mut subscription).await;
    assert_eq!(
        (again.message.body.as_ref(), again.redelivered),
        (b"0".as_ref(), true)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn the_next_url_is_used_when_one_is_dead_and_the_first_again_when_the_next_dies() {
    let rabbit = RabbitMq::shared().await;
    let vhost = rabbit.vhost("failover").await;
    let (first, second) = (rabbit.proxy().await, rabbit.proxy().await);
    first.cut().await;
    let config = BrokerConfig {
        urls: vec![vhost.url_at(first.port()), vhost.url_at(second.port())],
        ..vhost.config()
    };
    let broker = connected(config, default_topology()).await;
    let at = |port: u16| broker.status().borrow().url.contains(&format!(":{port}/"));
    assert!(at(second.port()), "{:?}", broker.status().borrow());
    assert_eq!((first.connections(), second.connections()), (0, 2));
    fill(&broker, QUEUE, 1).await;
    let mut subscription = consume(&broker, 10).await;
    next(&mut subscription).await;

    first.pass().await;
    second.cut().await;
    let mut subscription = consume(&broker, 10).await;
    assert!(next(&mut subscription).await.redelivered);
    assert!(at(first.port()), "{:?}", broker.status().borrow());
    assert_eq!(broker.status().borrow().epoch, 2);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn publishing_while_away_fails_at_once_and_works_again_on_the_new_connection() {
    let (lines, _guard) = Lines::capture();
    let rabbit = RabbitMq::shared().await;
    let vhost = rabbit.vhost("away").await;
    let proxy = rabbit.proxy().await;
    let broker = connected(vhost.config_at(proxy.port()), default_topology()).await;
    let mut statuses = broker.status();
    proxy.cut().await;
    let lost = statuses.wait_for(|s| s.state != ConnectionState::Connected);
    within("the loss is noticed", SOON, lost).await.unwrap();
    let publish = broker.publish(message("", QUEUE, "x"));
    let result = within("at once", Duration::from_millis(500), publish).await;
    assert!(
        matches!(result, Err(PublishError::NotConnected(_))),
        "{result:?}"
    );
    proxy.pass().await;
    within("connected", SOON, broker.connected()).await.unwrap();
    fill(&broker, QUEUE, 1).await;
    let lost = lines.told("connection to the broker lost");
    let first = lines.told("connected to the broker");
    assert_eq!((lost.number("epoch"), first.number("epoch")), (1.0, 1.0));
    let again = lines.of("connected to the broker").pop().unwrap();
    assert_eq!(again.number("epoch"), 2.0);
    assert!(
        again.number("seconds") > 0.0,
        "how long it was away: {again:?}"
    );
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_memory_alarm_blocks_publishing_alone() {
    let (lines, _guard) = Lines::capture();
    let rabbit = RabbitMq::own("").await;
    let vhost = rabbit.vhost("alarm").await;
    let config = BrokerConfig {
        // Short of the wait below, long enough for a busy machine not to fall silent itself.
        heartbeat: Duration::from_secs(4),
        confirm_timeout: Duration::from_secs(10),
        ..vhost.config()
    };
    let broker = connected(config, default_topology()).await;
    fill(&broker, QUEUE, 10).await;
    let mut subscription = consume(&broker, 10).await;
    let held = next(&mut subscription).await;

    rabbit
        .ctl(&["set_vm_memory_high_watermark", "0.0001"])
        .await;
    // More than two heartbeats: that the broker does not read is no reason to part.
    let result = broker.publish(message("", "events.dlq", "blocked")).await;
    assert_eq!(result, Err(PublishError::TimedOut(Duration::from_secs(10))));
    let status = broker.status().borrow().clone();
    assert_eq!(
        (status.state, status.epoch),
        (ConnectionState::Connected, 1)
    );
    assert!(
        status
            .blocked
            .is_some_and(|reason| reason.contains("memory"))
    );

    for _ in 0..9 {
        next(&mut subscription).await;
    }
    subscription.channel.ack(held.tag + 9, true).await.unwrap();
    subscription.channel.close().await.unwrap();
    assert_eq!(
        broker.depth(QUEUE).await.unwrap().unwrap().ready,
        0,
        "acks went through"
    );

    rabbit.ctl(&["set_vm_memory_high_watermark", "0.9"]).await;
    let mut statuses = broker.status();
    let unblocked = statuses.wait_for(|s| s.blocked.is_none());
    within("unblocked", SOON, unblocked).await.unwrap();
    fill(&broker, QUEUE, 3).await;
    let blocked = lines.told("the broker has blocked publishing");
    assert!(blocked.fields["error"].contains("memory"), "{blocked:?}");
    lines.told("the broker takes messages again");

    rabbit
        .ctl(&["set_vm_memory_high_watermark", "0.0001"])
        .await;
    let blocked = broker.publish(message("", QUEUE, "x"));
    let blocked = tokio::time::timeout(Duration::from_secs(1), blocked).await;
    assert!(blocked.is_err(), "blocked again: {blocked:?}");
    let start = Instant::now();
    broker.close().await;
    println!("closed after {:?}", start.elapsed());
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_confirm_channel_that_does_not_open_again_is_told_and_so_is_one_that_does() {
    let (lines, _guard) = Lines::capture();
    let rabbit = RabbitMq::shared().await;
    let vhost = rabbit.vhost("reopen").await;
    let proxy = rabbit.proxy().await;
    let config = BrokerConfig {
        call_timeout: Duration::from_millis(500),
        ..vhost.config_at(proxy.port())
    };
    let broker = connected(config, default_topology()).await;
    let known = message("events", "", "x");
    broker.publish(known.clone()).await.unwrap();
    let path = vhost.path("exchanges", "events");
    vhost.management().delete(&path).await;
    // The broker closes the channel, and what would open another one takes too long.
    proxy.delay(Duration::from_secs(1)).await;
    let refused = within("refused", SOON, broker.publish(known)).await;
    assert!(
        matches!(refused, Err(PublishError::NoExchange(_))),
        "{refused:?}"
    );
    let comes = async |message: &str| {
        eventually(message, SOON, async || lines.of(message).pop()).await;
    };
    comes("cannot reopen").await;
    proxy.pass().await;
    comes("the confirm channel is open").await;
    lines.told("cannot reopen the confirm channel");
    lines.told("the confirm channel is open again");
    fill(&broker, QUEUE, 3).await;
}
