//! Messages of publishers that know nothing of ours.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fanout::broker::{Broker, Delivery, HeaderValue, Message};
use fanout::config::Secret;
use fanout_contract::Event;
use serde_json::{Value, json};

use super::fake::{Fake, transient};
use super::rig::{Rig, Running};
use super::{DLQ, QUEUE, body, message};
use crate::support::rabbitmq::{RabbitMq, Vhost};

const KIB: usize = 1024;
const MIB: usize = 1024 * 1024;
const STAGE: Duration = Duration::from_millis(1500);

fn one_stage(config: &mut fanout::config::Config) {
    config.queues.get_mut("neo4j").unwrap().retry_delays = vec![STAGE];
}

fn fails() -> Arc<Fake> {
    Arc::new(Fake::new(|_: &Event| transient()))
}

/// Both attempts made, the second a stage later, and each message once in the DLQ.
async fn until_dead<const N: usize>(
    rig: &Rig,
    running: Running,
    fake: &Fake,
    ids: [&str; N],
) -> [Message; N] {
    let all = N as u64;
    running
        .shows("dead letters", |s| s.counts.dead_lettered == all)
        .await;
    for id in ids {
        let sights = fake.seen(id);
        assert_eq!(sights.len(), 2);
        let gap = sights[1].at - sights[0].at;
        assert!(gap >= STAGE, "{gap:?}: expired early");
    }
    let counts = running.drain().await;
    assert_eq!((counts.retried, counts.dead_lettered), (all, all));
    // Whatever went wrong with a connection would have begun a new epoch.
    assert_eq!(rig.broker.status().borrow().epoch, 1);
    assert_eq!(rig.ready(QUEUE).await, 0);
    let dead = rig.look_into(DLQ).await;
    assert_eq!(dead.len(), N);
    ids.map(|id| {
        let its = |d: &&Delivery| d.message.properties.message_id.as_deref() == Some(id);
        dead.iter().find(its).unwrap().message.clone()
    })
}

/// A user of our own, who may not publish in the name of another.
async fn user_of_our_own(vhost: &Vhost) -> Secret {
    let management = vhost.management();
    let user = json!({"password": "w", "tags": ""});
    let name = vhost.name();
    management.put(&format!("/api/users/{name}"), &user).await;
    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    management
        .put(&format!("/api/permissions/{name}/{name}"), &all)
        .await;
    let guest = vhost.url().expose().to_owned();
    Secret::new(guest.replace("guest:guest@", &format!("{name}:w@")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn user_id_cc_bcc_expiration_and_transient_delivery_survive_retry_and_dead_letter_harmlessly()
{
    let mut rig = Rig::new("foreign", one_stage).await;
    rig.config.broker.urls = vec![user_of_our_own(&rig.vhost).await];
    let topology = fanout::topology::Topology::from_config(&rig.config);
    let ours = fanout::broker::amqp::AmqpBroker::start(rig.config.broker.clone(), topology);
    let fake = fails();
    let copied = json!({
        "message_id": "f1",
        "user_id": "guest",
        "delivery_mode": 1,
        "reply_to": "answers",
        "correlation_id": "c1",
        "headers": {"CC": ["events.qdrant"], "BCC": ["events.qdrant"], "tenant": "t1"},
    });
    let expiring = json!({"message_id": "f2", "expiration": "700", "delivery_mode": 1});
    let running = rig.start_on(Arc::new(ours), "neo4j", fake.clone());
    // It must not expire before the engine has it.
    running.shows("consuming", |s| s.lanes[0].consuming).await;
    for (id, properties) in [("f1", copied), ("f2", expiring)] {
        let text = String::from_utf8(body(id, "view").to_vec()).unwrap();
        rig.vhost.publish_raw(QUEUE, properties, &text).await;
    }
    rig.ready_is("events.qdrant", 1).await;
    let dead = until_dead(&rig, running, &fake, ["f1", "f2"]).await;
    for (dead, id) in dead.iter().zip(["f1", "f2"]) {
        assert_eq!(dead.body, body(id, "view"));
        let its = &dead.properties;
        assert_eq!(
            (&its.user_id, &its.expiration, &its.reply_to),
            (&None, &None, &None)
        );
        assert!(its.persistent);
    }
    let its = &dead[0].properties;
    assert_eq!(its.correlation_id.as_deref(), Some("c1"));
    assert_eq!(its.headers["tenant"], HeaderValue::from("t1"));
    for name in ["CC", "BCC"] {
        assert_eq!(its.headers.get(name), None);
    }
    assert_eq!(rig.ready("events.qdrant").await, 1, "multiplied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn headers_as_large_as_a_frame_takes_are_cut_and_named_and_the_event_passes_all_stages() {
    let rig = Rig::new("big-headers", one_stage).await;
    let fake = fails();
    let running = rig.start(fake.clone());
    let mut big = message("", QUEUE, "b1", body("b1", "view"));
    let headers = &mut big.properties.headers;
    headers.insert("big".to_owned(), "x".repeat(100 * KIB).into());
    headers.insert("more".to_owned(), "y".repeat(19 * KIB).into());
    headers.insert("tenant".to_owned(), "t1".into());
    rig.publish([big.clone()]).await;
    let [dead] = until_dead(&rig, running, &fake, ["b1"]).await;
    assert_eq!(dead.body, big.body);
    let headers = &dead.properties.headers;
    assert_eq!(headers.get("big"), None);
    assert_eq!(headers["fanout-headers-dropped"], HeaderValue::Int(1));
    assert_eq!(headers["tenant"], HeaderValue::from("t1"));
    assert_eq!(headers["more"], big.properties.headers["more"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_megabyte_of_headers_and_a_body_of_twenty_are_taken_through_where_the_server_takes_them()
{
    let conf = "frame_max = 4194304\nmax_message_size = 67108864";
    let rabbit = RabbitMq::own(conf).await;
    let rig = Rig::on(&rabbit, "large", |config| {
        one_stage(config);
        config.broker.max_message_bytes = 32 * MIB;
    })
    .await;
    let fake = fails();
    let running = rig.start(fake.clone());
    let headers: Value = json!({"big": "x".repeat(MIB), "tenant": "t1"});
    let properties = json!({"message_id": "h1", "headers": headers, "delivery_mode": 1});
    let text = String::from_utf8(body("h1", "view").to_vec()).unwrap();
    rig.vhost.publish_raw(QUEUE, properties, &text).await;
    let [dead] = until_dead(&rig, running, &fake, ["h1"]).await;
    assert_eq!(dead.body, text);
    assert_eq!(
        dead.properties.headers["fanout-headers-dropped"],
        HeaderValue::Int(1)
    );
    rig.broker.purge(DLQ).await.unwrap();

    let fake = fails();
    let running = rig.start(fake.clone());
    let filler = "z".repeat(20 * MIB);
    let large = format!(
        r#"{{"eventId":"l1","version":"v1","eventType":"view","payload":{{"filler":"{filler}"}}}}"#
    );
    let large = Bytes::from(large);
    rig.publish([message("", QUEUE, "l1", large.clone())]).await;
    let [dead] = until_dead(&rig, running, &fake, ["l1"]).await;
    assert!(dead.body == large, "{} bytes", dead.body.len());
}
