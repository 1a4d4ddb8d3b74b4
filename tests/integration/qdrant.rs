//! `run-worker --queue qdrant` against RabbitMQ and a Qdrant server.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fanout::broker::amqp::AmqpBroker;
use fanout::broker::{Broker, Message, Properties};
use fanout::config::Config;
use fanout::topology::Topology;
use fanout_qdrant::store::{Point, QdrantStore};
use fanout_qdrant::{Collection, QdrantConfig};
use futures::{StreamExt, stream};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::qdrant::Qdrant;
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{unique, within};
use crate::worker_program::{Program, eventually};

const SOON: Duration = Duration::from_secs(60);
const DAY: i64 = 86_400;
/// What `product.viewed` and its kin weigh by default.
const WEIGHTS: [(&str, f64); 4] = [
    ("product.viewed", 1.0),
    ("product.carted", 3.0),
    ("product.uncarted", -3.0),
    ("product.purchased", 5.0),
];
/// Half life of an interaction by default, in seconds.
const HALF_LIFE: f64 = 30.0 * 86_400.0;

fn envelope(id: &str, kind: &str, second: i64, payload: &Value) -> Value {
    // 2026-01-01T00:00:00Z
    let at = jiff::Timestamp::from_second(1_767_225_600 + second).unwrap();
    json!({
        "eventId": id, "version": "v1", "eventType": kind, "timestamp": at.to_string(),
        "payload": payload,
    })
}

/// Interactions as (user, product, weight, second).
struct Shop {
    events: Vec<Value>,
    vectors: BTreeMap<i64, [f32; 4]>,
    seen: Vec<(i64, i64, f64, i64)>,
}

/// 20 products, one of them deleted, and 40 users with up to 25 interactions each; product 20
/// is never known.
fn shop() -> Shop {
    let (mut events, mut vectors, mut seen) = (Vec::new(), BTreeMap::new(), Vec::new());
    for p in 0..20_i64 {
        #[allow(clippy::cast_precision_loss)]
        let vector = [1.0, p as f32, (p % 3) as f32 - 1.0, 0.5];
        for (version, second) in [([9.0, 0.0, 0.0, 1.0], 0), (vector, 10)] {
            let payload = json!({"productId": p, "name": "n", "vector": version});
            events.push(envelope(
                &format!("p{p}-{second}"),
                "product.upserted",
                second,
                &payload,
            ));
        }
        vectors.insert(p, vector);
    }
    events.push(envelope(
        "p7-gone",
        "product.deleted",
        20,
        &json!({"productId": 7}),
    ));
    vectors.remove(&7);
    for u in 0..40_i64 {
        for i in 0..=(u % 25) {
            let (kind, weight) = WEIGHTS[usize::try_from((u * 3 + i) % 4).unwrap()];
            let (product, second) = ((u * 7 + i * 5) % 21, i * DAY + u);
            let payload = json!({"userId": u, "productId": product, "session": "s"});
            events.push(envelope(&format!("u{u}-{i}"), kind, second, &payload));
            seen.push((u, product, weight, second));
        }
    }
    Shop {
        events,
        vectors,
        seen,
    }
}

/// What the profile must be, reckoned another way: without any order, in one go.
fn wanted(shop: &Shop, user: i64) -> Option<Vec<f64>> {
    let of_user = || shop.seen.iter().filter(|(u, ..)| *u == user);
    let newest = of_user().map(|(.., second)| *second).max()?;
    let mut sum = [0.0; 4];
    for (_, product, weight, second) in of_user() {
        let Some(vector) = shop.vectors.get(product) else {
            continue;
        };
        let length = vector
            .iter()
            .map(|x| f64::from(*x).powi(2))
            .sum::<f64>()
            .sqrt();
        #[allow(clippy::cast_precision_loss)]
        let weight = weight * 0.5_f64.powf((newest - second) as f64 / HALF_LIFE);
        for (sum, x) in sum.iter_mut().zip(vector) {
            *sum += weight * f64::from(*x) / length;
        }
    }
    let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
    (length > 1e-6).then(|| sum.iter().map(|x| x / length).collect())
}

fn shuffled(mut events: Vec<Value>, mut seed: u64) -> Vec<Value> {
    for i in (1..events.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        events.swap(i, usize::try_from(seed >> 33).unwrap() % (i + 1));
    }
    events
}

async fn publish(vhost: &Vhost, bodies: Vec<String>) {
    let topology = Topology::from_config(&Config::default());
    let broker = AmqpBroker::start(vhost.config(), topology);
    within("connected", SOON, broker.connected()).await.unwrap();
    let messages = bodies.into_iter().map(|body| Message {
        exchange: "events".to_owned(),
        routing_key: String::new(),
        properties: Properties {
            persistent: true,
            ..Properties::default()
        },
        body: body.into(),
    });
    let mut published = stream::iter(messages.map(|m| broker.publish(m))).buffer_unordered(200);
    while let Some(confirmed) = published.next().await {
        confirmed.unwrap();
    }
    drop(published);
    broker.close().await;
}

async fn program(vhost: &Vhost, qdrant: &Qdrant, prefix: &str) -> Program {
    Program::new()
        .env("RABBITMQ_URL", vhost.url().expose())
        .env("QDRANT_URL", &qdrant.url().await)
        .env("FANOUT_QDRANT_COLLECTION_PREFIX", prefix)
        .env("FANOUT_RETRY_DELAYS", "1s")
}

async fn store(qdrant: &Qdrant, prefix: &str) -> QdrantStore {
    let config = QdrantConfig {
        url: qdrant.url().await,
        collection_prefix: prefix.to_owned(),
        ..QdrantConfig::default()
    };
    QdrantStore::new(&config).unwrap()
}

fn user(point: &Point) -> i64 {
    point.json()["user_id"].as_i64().unwrap()
}

/// Points and profiles are those of the shop, whatever was published how often.
async fn is_the_shop(qdrant: &Qdrant, prefix: &str, shop: &Shop) {
    let store = store(qdrant, prefix).await;
    let points = async |collection| store.page(collection, None, 5_000).await.unwrap().0;
    let interactions = points(Collection::Interactions).await;
    assert_eq!(interactions.len(), shop.seen.len());
    let products = points(Collection::Products).await;
    assert_eq!(products.len(), 20);
    let alive = products
        .iter()
        .filter(|p| p.json().get("deleted").is_none());
    assert_eq!(alive.count(), 19);
    let profiles = points(Collection::Profiles).await;
    let users: BTreeSet<i64> = profiles.iter().map(user).collect();
    let want: BTreeSet<i64> = (0..40).filter(|u| wanted(shop, *u).is_some()).collect();
    assert_eq!(users, want);
    for profile in &profiles {
        let user = user(profile);
        let of_user = shop.seen.iter().filter(|(u, ..)| *u == user).count();
        assert_eq!(profile.json()["interactions"], of_user);
        let want = wanted(shop, user).unwrap();
        for (x, want) in profile.vector().unwrap().iter().zip(want) {
            assert!(
                (f64::from(*x) - want).abs() < 1e-4,
                "{user}: {x} for {want}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn shuffled_repeated_and_bad_events_end_as_the_points_and_profiles_of_the_shop() {
    let (rabbitmq, qdrant) = tokio::join!(RabbitMq::shared(), Qdrant::shared());
    let vhost = rabbitmq.vhost("qdrant").await;
    let prefix = format!("{}_", unique("shop"));
    let program = program(&vhost, qdrant, &prefix)
        .await
        .env("FANOUT_QDRANT_DIMENSION", "4");
    let shop = shop();
    let mut events = shuffled(shop.events.clone(), 1);
    let distinct = events.len();
    events.extend(shuffled(shop.events.clone(), 2).into_iter().take(300));
    let wrong = [
        json!({"productId": "short", "vector": [1, 2, 3]}),
        json!({"productId": "zero", "vector": [0, 0, 0, 0]}),
        json!({"productId": 0.5, "vector": [1, 2, 3, 4]}),
    ];
    for (n, payload) in wrong.iter().enumerate() {
        let second = i64::try_from(n).unwrap();
        events.push(envelope(
            &format!("wrong{n}"),
            "product.upserted",
            second,
            payload,
        ));
    }
    events.push(envelope(
        "wrong3",
        "product.viewed",
        1,
        &json!({"userId": 1}),
    ));
    let mut bodies: Vec<_> = shuffled(events, 3).iter().map(Value::to_string).collect();
    bodies.insert(100, "{\"eventType\":".to_owned());
    publish(&vhost, bodies).await;

    let ended = program.run(&["--queue", "qdrant", "--workers", "3", "--until-empty"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    is_the_shop(qdrant, &prefix, &shop).await;
    let path = vhost.path("queues", "events.dlq");
    crate::support::eventually("five dead letters", SOON, async || {
        (vhost.management().get(&path).await["messages"] == 5).then_some(())
    })
    .await;

    // All of it again, to a worker that is asked to end in the middle, and to another.
    let again = shuffled(shop.events.clone(), 4);
    assert_eq!(again.len(), distinct);
    publish(&vhost, again.iter().map(Value::to_string).collect()).await;
    let worker = program.start(&["--queue", "qdrant", "--workers", "2"]);
    eventually("some are handled", || {
        let progress = worker.get("/health").1["progress"].clone();
        let handled = |key: &str| progress[key].as_u64().unwrap_or(0);
        (handled("applied") + handled("skipped") > 0).then_some(())
    });
    worker.signal(Signal::SIGTERM);
    let ended = worker.ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ended = program.run(&["--queue", "qdrant", "--until-empty"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    is_the_shop(qdrant, &prefix, &shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_backlog_outlives_an_outage_of_the_server() {
    let (rabbitmq, qdrant) = tokio::join!(RabbitMq::shared(), Qdrant::shared());
    let vhost = rabbitmq.vhost("qdrant-outage").await;
    let prefix = format!("{}_", unique("outage"));
    let proxy = qdrant.proxy().await;
    let program = program(&vhost, qdrant, &prefix)
        .await
        .env("QDRANT_URL", &format!("http://127.0.0.1:{}", proxy.port()))
        .file("[breaker]\nopen_for = \"500ms\"\n");
    let worker = program.start(&["--queue", "qdrant", "--workers", "2"]);
    eventually("the worker is ready", || {
        (worker.get("/ready").0 == 200).then_some(())
    });
    proxy.cut().await;
    let events = (0..300).map(|n| {
        let payload = json!({"userId": n % 9, "productId": n, "session": "s"});
        envelope(&format!("{prefix}{n}"), "product.viewed", n, &payload).to_string()
    });
    publish(&vhost, events.collect()).await;
    eventually("the worker says that it is not ready", || {
        (worker.get("/ready").0 == 503).then_some(())
    });
    proxy.pass().await;
    eventually("all are applied", || {
        let applied = worker.get("/health").1["progress"]["applied"].as_u64();
        (applied == Some(300)).then_some(())
    });
    let store = store(qdrant, &prefix).await;
    assert_eq!(store.size(Collection::Interactions).await.unwrap(), 300);
    worker.signal(Signal::SIGTERM);
    assert_eq!(worker.ended().code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn another_dimension_than_the_collections_is_said_at_the_start() {
    let (rabbitmq, qdrant) = tokio::join!(RabbitMq::shared(), Qdrant::shared());
    let vhost = rabbitmq.vhost("qdrant-dimension").await;
    let prefix = format!("{}_", unique("dimension"));
    let with = async |dimension: &str| {
        let program = program(&vhost, qdrant, &prefix).await;
        let program = program.env("FANOUT_QDRANT_DIMENSION", dimension);
        program.run(&["--queue", "qdrant", "--check"])
    };
    let made = with("4").await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let refused = with("8").await;
    assert_ne!(refused.code, Some(0), "{refused:?}");
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("qdrant-dimension"), "{said}");
    assert!(said.contains("has dimension 4, configured is 8"), "{said}");
}
