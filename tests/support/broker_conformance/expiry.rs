//! Time to live and dead-lettering.

use fanout::broker::HeaderValue;
use tokio::time::{Instant, sleep};

use super::subject::{Subject, TTL, bodies, end, message, next, take};

pub async fn an_expired_message_comes_back_to_the_queue_it_is_routed_to(subject: &Subject) {
    let start = Instant::now();
    subject.publish("wait", &["1", "2"]).await;
    let deliveries = subject.drain("main", 2).await;
    assert!(start.elapsed() >= TTL, "after {:?}", start.elapsed());
    assert_eq!(bodies(&deliveries), ["1", "2"]);
    let delivery = &deliveries[0];
    assert!(!delivery.redelivered, "new in this queue");
    assert_eq!(delivery.delivery_count, Some(0));
    assert_eq!(delivery.message.routing_key, "main");
    let headers = &delivery.message.properties.headers;
    let first = HeaderValue::from("wait");
    assert_eq!(headers.get("x-first-death-queue"), Some(&first));
    let Some(HeaderValue::List(deaths)) = headers.get("x-death") else {
        panic!("x-death is a list: {headers:?}");
    };
    let Some(HeaderValue::Table(death)) = deaths.first() else {
        panic!("of tables: {deaths:?}");
    };
    assert_eq!(death.get("reason"), Some(&HeaderValue::from("expired")));
    assert_eq!(death.get("queue"), Some(&HeaderValue::from("wait")));
    assert_eq!(death.get("count"), Some(&HeaderValue::Int(1)));
    subject.ready("wait", 0).await;
}

pub async fn expiry_happens_at_the_head_only(subject: &Subject) {
    let mut short = message("", "held", "short");
    short.properties.expiration = Some("50".to_owned());
    subject.publish("held", &["long"]).await;
    subject.broker.publish(short).await.unwrap();
    // sleep: something that must not happen has no signal
    sleep(TTL).await;
    let depth = subject.broker.depth("held").await.unwrap().unwrap();
    assert_eq!(depth.ready, 2, "the expired one waits behind the other");

    let mut subscription = subject.consume("held", 1).await;
    let head = next(&mut subscription).await;
    assert_eq!(head.message.body, "long");
    let dead = subject.drain("other", 1).await;
    assert_eq!(bodies(&dead), ["short"]);
    assert_eq!(dead[0].message.properties.expiration, None);
}

pub async fn what_was_only_looked_at_begins_anew_in_the_queue_it_expires_to(subject: &Subject) {
    // The consumer first: opening one may take longer than the message lives.
    let mut subscription = subject.consume("wait", 10).await;
    subject.publish("wait", &["1", "2", "3"]).await;
    let looked_at = take(&mut subscription, 3).await;
    assert_eq!(bodies(&looked_at), ["1", "2", "3"]);
    subscription.channel.give_back().await.unwrap();
    assert_eq!(end(&mut subscription).await, None);
    let deliveries = subject.drain("main", 3).await;
    assert_eq!(bodies(&deliveries), ["1", "2", "3"]);
    for delivery in deliveries {
        let before = (delivery.redelivered, delivery.delivery_count);
        assert_eq!(before, (false, Some(0)), "{delivery:?}");
    }
}

pub async fn what_is_handed_out_does_not_expire(subject: &Subject) {
    // The consumer first: opening one may take longer than the message lives.
    let mut subscription = subject.consume("wait", 1).await;
    subject.publish("wait", &["1"]).await;
    let held = next(&mut subscription).await;
    // sleep: it must outlive its TTL
    sleep(2 * TTL).await;
    subject.ready("main", 0).await;
    subscription.channel.ack(held.tag, false).await.unwrap();
    // sleep: something that must not happen has no signal
    sleep(TTL).await;
    subject.ready("main", 0).await;
    subject.ready("wait", 0).await;
}
