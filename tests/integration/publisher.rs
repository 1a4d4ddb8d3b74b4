//! The publisher and its spool against RabbitMQ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, Message, Properties};
use fanout::config::{BrokerConfig, Config, TopologyMode};
use fanout::publish::{Accepted, Intake, LinkState, NotAccepted, Publisher};
use fanout::topology::Topology;
use futures::StreamExt;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{eventually, queues, within};

const SOON: Duration = Duration::from_secs(60);
const QUEUE: &str = "events.neo4j";
const SUBJECTS: usize = 20;

struct Rig {
    config: Config,
    _dir: TempDir,
}

impl Rig {
    fn new(broker: BrokerConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config {
            broker,
            ..Config::default()
        };
        config.spool.dir = dir.path().join("spool");
        Self { config, _dir: dir }
    }

    async fn publisher(&self) -> Arc<Publisher> {
        let publisher = Arc::new(Publisher::start(&self.config).await.unwrap());
        link_is(&publisher, LinkState::Ready).await;
        publisher
    }
}

async fn observer(vhost: &Vhost) -> AmqpBroker {
    let config = BrokerConfig {
        topology: TopologyMode::None,
        ..vhost.config()
    };
    let broker = AmqpBroker::start(config, Topology::from_config(&Config::default()));
    within("connected", SOON, broker.connected()).await.unwrap();
    broker
}

async fn link_is(publisher: &Publisher, link: LinkState) {
    eventually(link.as_str(), SOON, async || {
        (publisher.status().link == link).then_some(())
    })
    .await;
}

async fn drained(publisher: &Publisher) {
    eventually("the spool is empty", SOON, async || {
        (publisher.backlog().messages == 0).then_some(())
    })
    .await;
}

/// A message named `SUBJECT.NUMBER`.
fn message(subject: usize, number: usize, kind: &str) -> Message {
    Message {
        exchange: "events".to_owned(),
        routing_key: kind.to_owned(),
        properties: Properties {
            message_id: Some(format!("{subject}.{number}")),
            kind: Some(kind.to_owned()),
            ..Properties::default()
        },
        body: format!("{{\"user_id\":{subject},\"product_id\":1,\"event_type\":\"{kind}\"}}")
            .into(),
    }
}

/// Ids in a queue in their order; takes them out.
async fn take(broker: &AmqpBroker, queue: &str) -> Vec<String> {
    let count = queues::ready(broker, queue).await;
    let mut subscription = broker.consume(queue, 1_000).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..count {
        let next = within("a delivery", SOON, subscription.deliveries.next()).await;
        let delivery = next.unwrap().unwrap();
        if delivery.tag.is_multiple_of(200) || delivery.tag == count {
            subscription.channel.ack(delivery.tag, true).await.unwrap();
        }
        ids.push(delivery.message.properties.message_id.unwrap());
    }
    subscription.channel.close().await.unwrap();
    ids
}

/// Every accepted id is there, and no number of a subject comes after a higher one.
fn check(accepted: &BTreeSet<String>, arrived: &[String]) {
    let there: BTreeSet<_> = arrived.iter().cloned().collect();
    let missing: Vec<_> = accepted.difference(&there).take(10).collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for id in arrived {
        let (subject, number) = id.split_once('.').unwrap();
        let number = number.parse().unwrap();
        let before = last.insert(subject, number).unwrap_or_default();
        assert!(before <= number, "{subject}: {number} after {before}");
    }
}

/// Posts at a steady rate for a while; what was accepted, and how often from disk.
async fn post(publisher: Arc<Publisher>, lasts: Duration) -> (BTreeSet<String>, usize) {
    let mut pace = tokio::time::interval(Duration::from_millis(2));
    let end = Instant::now() + lasts;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0.. {
        if pace.tick().await >= end {
            break;
        }
        let subject = number % SUBJECTS;
        let next = message(subject, number / SUBJECTS, "view");
        let id = next.properties.message_id.clone().unwrap();
        let publisher = Arc::clone(&publisher);
        tasks.spawn(async move { (id, publisher.accept(next).await) });
        // It has been begun before the next one is.
        tokio::task::yield_now().await;
    }
    let (mut accepted, mut spooled) = (BTreeSet::new(), 0);
    while let Some(done) = tasks.join_next().await {
        let (id, answer) = done.unwrap();
        spooled += usize::from(answer.unwrap() == Accepted::Spooled);
        accepted.insert(id);
    }
    (accepted, spooled)
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_broker_killed_under_a_stream_of_messages_loses_none_and_keeps_their_order() {
    let rabbit = RabbitMq::own("").await;
    let vhost = rabbit.vhost("killed").await;
    let proxy = rabbit.proxy().await;
    let rig = Rig::new(vhost.config_at(proxy.port()));
    let publisher = rig.publisher().await;
    let posting = tokio::spawn(post(Arc::clone(&publisher), Duration::from_secs(12)));
    eventually("some are there", SOON, async || {
        (publisher.status().in_flight > 0).then_some(())
    })
    .await;
    rabbit.kill().await;
    link_is(&publisher, LinkState::Away).await;
    proxy.retarget(rabbit.restart().await);
    rabbit.listening().await;
    let (accepted, spooled) = posting.await.unwrap();
    assert!(
        accepted.len() > 2_000 && spooled > 100,
        "{} {spooled}",
        accepted.len()
    );
    drained(&publisher).await;
    assert_eq!(publisher.status().set_aside, 0);
    let broker = AmqpBroker::start(
        rig.config.broker.clone(),
        Topology::from_config(&rig.config),
    );
    within("connected", SOON, broker.connected()).await.unwrap();
    for queue in [QUEUE, "events.qdrant"] {
        check(&accepted, &take(&broker, queue).await);
    }
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn under_a_memory_alarm_messages_go_to_the_spool_and_arrive_when_it_is_over() {
    let rabbit = RabbitMq::own("").await;
    let vhost = rabbit.vhost("alarm").await;
    let rig = Rig::new(vhost.config());
    let publisher = rig.publisher().await;
    rabbit
        .ctl(&["set_vm_memory_high_watermark", "0.0001"])
        .await;
    let mut accepted = BTreeSet::new();
    // The broker blocks a connection with the next message it gets.
    eventually("it is blocked", SOON, async || {
        let next = message(0, accepted.len(), "view");
        accepted.insert(next.properties.message_id.clone().unwrap());
        publisher.accept(next).await.unwrap();
        (publisher.status().link == LinkState::Blocked).then_some(())
    })
    .await;
    let start = Instant::now();
    for _ in 0..100 {
        let next = message(0, accepted.len(), "view");
        accepted.insert(next.properties.message_id.clone().unwrap());
        assert_eq!(publisher.accept(next).await, Ok(Accepted::Spooled));
    }
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    let reason = publisher.status().reason.unwrap();
    assert!(reason.contains("memory"), "{reason}");
    rabbit.ctl(&["set_vm_memory_high_watermark", "0.9"]).await;
    drained(&publisher).await;
    check(&accepted, &take(&observer(&vhost).await, QUEUE).await);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn purchases_overtake_views_in_a_quorum_queue() {
    let vhost = RabbitMq::shared().await.vhost("priority").await;
    let rig = Rig::new(vhost.config());
    let publisher = rig.publisher().await;
    let views = (0..300).map(|n| message(n, 1, "view"));
    let purchases = (1_000..1_030).map(|n| message(n, 1, "purchase"));
    for answer in publisher.accept_all(views.chain(purchases)).await {
        assert_eq!(answer, Ok(Accepted::Confirmed));
    }
    let ids = take(&observer(&vhost).await, QUEUE).await;
    let last = ids.iter().rposition(|id| id.len() == "1000.1".len());
    // RabbitMQ 4.0 hands out two of the high level, then one of the normal one.
    assert!(last.is_some_and(|last| last < 60), "{last:?}");
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_full_queue_is_named_and_what_it_refuses_arrives_when_there_is_room() {
    let vhost = RabbitMq::shared().await.vhost("full").await;
    let mut rig = Rig::new(vhost.config());
    for queue in rig.config.queues.values_mut() {
        queue.max_length_bytes = Some(20_000);
    }
    let publisher = rig.publisher().await;
    let mut accepted = BTreeSet::new();
    // A quorum queue takes a few more than it may.
    eventually("it refuses", SOON, async || {
        let next = message(accepted.len() % SUBJECTS, accepted.len() / SUBJECTS, "view");
        accepted.insert(next.properties.message_id.clone().unwrap());
        (publisher.accept(next).await.unwrap() == Accepted::Spooled).then_some(())
    })
    .await;
    let refusing = publisher.status().refusing.unwrap();
    assert_eq!(refusing.code, "publish-refused");
    assert!(refusing.queues.contains(&QUEUE.to_owned()), "{refusing:?}");
    let broker = observer(&vhost).await;
    let mut arrived = Vec::new();
    eventually("the spool is empty", SOON, async || {
        arrived.append(&mut take(&broker, QUEUE).await);
        take(&broker, "events.qdrant").await;
        (publisher.backlog().messages == 0).then_some(())
    })
    .await;
    arrived.append(&mut take(&broker, QUEUE).await);
    check(&accepted, &arrived);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn what_no_queue_takes_is_refused_to_the_caller() {
    let vhost = RabbitMq::shared().await.vhost("unroutable").await;
    let rig = Rig::new(vhost.config());
    let publisher = rig.publisher().await;
    let mut nowhere = message(1, 1, "view");
    nowhere.exchange = String::new();
    nowhere.routing_key = "no-such-queue".to_owned();
    let refused = publisher.accept(nowhere).await.unwrap_err();
    assert_eq!(refused.code(), "publish-unroutable");
    let left = publisher.shut_down(Duration::from_secs(5)).await;
    assert_eq!(left.messages, 0);
    let late = publisher.accept(message(1, 2, "view")).await;
    assert_eq!(late, Err(NotAccepted::ShuttingDown));
}
