//! Parallel mode, and going from one mode to another, on real servers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::gateway_program::{Gateway, call};
use crate::program::Program;
use crate::support::neo4j::{Neo4j, PASSWORD};
use crate::support::qdrant::Qdrant;
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::{eventually, unique, within};
use crate::worker_program;

const SOON: Duration = Duration::from_secs(60);

type Env = Vec<(String, String)>;

async fn environment(vhost: &Vhost, neo4j: &Neo4j, prefix: &str) -> Env {
    let bolt = format!("bolt://127.0.0.1:{}", neo4j.bolt_port().await);
    [
        ("RABBITMQ_URL", vhost.url().expose()),
        ("NEO4J_URI", &bolt),
        ("NEO4J_PASSWORD", PASSWORD),
        ("QDRANT_URL", &Qdrant::shared().await.url().await),
        ("FANOUT_QDRANT_COLLECTION_PREFIX", prefix),
        ("FANOUT_QDRANT_DIMENSION", "2"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn worker(env: &Env) -> worker_program::Program {
    let program = worker_program::Program::new();
    env.iter().fold(program, |p, (n, v)| p.env(n, v))
}

fn view(id: &str, user: &str, product: usize) -> Value {
    json!({"event_id": id, "event_type": "view", "user_id": user, "product_id": product,
        "event_time": "2026-01-01T00:00:00Z"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn what_goes_both_ways_is_the_same_in_the_shadow_and_a_difference_is_found() {
    // The one shadow server; the real graph has to be one of its own, too: everything counts.
    let (rabbitmq, real, beside) = tokio::join!(RabbitMq::shared(), Neo4j::own(), Neo4j::own());
    let vhost = rabbitmq.vhost("parallel").await;
    let prefix = format!("{}_", unique("real"));
    let mut env = environment(&vhost, &real, &prefix).await;
    let shadow = [
        (
            "FANOUT_SHADOW_NEO4J_URI",
            format!("bolt://127.0.0.1:{}", beside.bolt_port().await),
        ),
        (
            "FANOUT_SHADOW_QDRANT_COLLECTION_PREFIX",
            format!("shadow_{prefix}"),
        ),
        ("USE_RABBITMQ", "parallel".to_owned()),
    ];
    env.extend(shadow.map(|(name, value)| (name.to_owned(), value)));
    let gateway = Gateway::with(env.clone());
    gateway.connected().await;
    let user = unique("user");
    let product = json!({"eventId": unique("p"), "version": "v1", "eventType": "product.upserted",
        "timestamp": "2026-01-01T00:00:00Z", "payload": {"productId": 1, "name": "lamp", "vector": [1.0, 0.5]}});
    let views = (0..50).map(|n| view(&format!("{user}-{n}"), &user, n % 5));
    let events: Vec<Value> = [product].into_iter().chain(views).collect();
    let (status, answer) = gateway
        .post(
            "/events?wait=applied&timeout=60s",
            &json!(events).to_string(),
        )
        .await;
    assert_eq!(status, 200, "{answer}");

    let program = env.iter().fold(Program::new(), |p, (n, v)| p.env(n, v));
    let before = program.run(&["verify", "--full", "--json"]);
    assert_eq!(before.code, Some(1), "the shadow is empty: {before:?}");
    let programs = [worker(&env), worker(&env)];
    for (program, queue) in programs.iter().zip(["neo4j", "qdrant"]) {
        let ended = program.run(&["--queue", queue, "--shadow", "--until-empty"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    for extent in [
        &["verify", "--full", "--json"][..],
        &["verify", "--sample", "20", "--json"],
    ] {
        let ended = program.run(extent);
        let told: Value =
            serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        assert_eq!(
            (ended.code, &told["same"]),
            (Some(0), &json!(true)),
            "{told}"
        );
        assert_eq!(
            told["stores"][0]["totals"]["VIEWED"]["shadow"]["events"], 50,
            "{told}"
        );
        assert_eq!(
            told["stores"][1]["totals"]["interactions"]["shadow"], 50,
            "{told}"
        );
    }
    let change =
        "MATCH (:User {id: $user})-[v:VIEWED]->(:Product {id: 3}) SET v.count = 11 RETURN 1";
    beside.rows(change, json!({ "user": user })).await;
    let ended = program.run(&["verify", "--json"]);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(ended.code, Some(1), "{told}");
    let found = told["stores"][0]["differences"]["first"].to_string();
    assert!(
        found.contains(&format!("user \\\"{user}\\\" VIEWED 3")),
        "{told}"
    );
}

/// Posts views of a user one after the other, each until it is answered 2xx.
async fn post(
    user: String,
    to: watch::Receiver<SocketAddr>,
    posted: Arc<AtomicU64>,
    stop: CancellationToken,
) -> u64 {
    loop {
        let number = posted.load(Ordering::SeqCst);
        if stop.is_cancelled() {
            return number;
        }
        let event = view(&format!("{user}-{number}"), &user, 7).to_string();
        loop {
            let addr = *to.borrow();
            match call(addr, "POST", "/events", &event).await {
                Some((200..=299, _)) => break,
                // sleep: the gateway is being started again
                _ => sleep(Duration::from_millis(20)).await,
            }
        }
        posted.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn going_from_mode_to_mode_under_load_loses_nothing_and_counts_nothing_twice() {
    let (rabbitmq, neo4j) = tokio::join!(RabbitMq::shared(), Neo4j::shared());
    let vhost = rabbitmq.vhost("modes").await;
    let prefix = format!("{}_", unique("modes"));
    let env = environment(&vhost, neo4j, &prefix).await;
    let with_mode = |mode: &str| {
        let mode = ("USE_RABBITMQ".to_owned(), mode.to_owned());
        env.iter().cloned().chain([mode]).collect::<Env>()
    };
    let mut gateway = Gateway::with(with_mode("parallel"));
    gateway.connected().await;
    let programs = worker(&env);
    let _worker = programs.start(&["--queue", "neo4j"]);
    let user = unique("switcher");
    let (addr, to) = watch::channel(gateway.addr().await);
    let (posted, stop) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
    let posting = tokio::spawn(post(user.clone(), to, posted.clone(), stop.clone()));
    let some_more = async || {
        let goal = posted.load(Ordering::SeqCst) + 60;
        let look = async || (posted.load(Ordering::SeqCst) >= goal).then_some(());
        eventually("some more are posted", SOON, look).await;
    };
    some_more().await;
    // the last but one leaves over what the broker inside had not done
    for (signal, mode) in [
        (Signal::SIGTERM, "true"),
        (Signal::SIGTERM, "false"),
        (Signal::SIGKILL, "true"),
        (Signal::SIGTERM, "parallel"),
        (Signal::SIGKILL, "true"),
    ] {
        gateway.start_again_with(signal, "USE_RABBITMQ", mode).await;
        addr.send_replace(gateway.addr().await);
        some_more().await;
    }
    stop.cancel();
    let count = within("the last answer", SOON, posting).await.unwrap();
    let views = "MATCH (:User {id: $user})-[v:VIEWED]->() RETURN sum(v.count)";
    eventually("every event is in the graph", SOON, async || {
        let there = neo4j.number(views, json!({ "user": user })).await;
        assert!(there <= count, "{there} of {count}: some count twice");
        (there == count).then_some(())
    })
    .await;
    assert!(count >= 360);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn what_direct_mode_has_left_over_is_projected_by_a_gateway_of_another_mode() {
    let (rabbitmq, neo4j) = tokio::join!(RabbitMq::shared(), Neo4j::shared());
    let vhost = rabbitmq.vhost("left-over").await;
    let prefix = format!("{}_", unique("left"));
    let env = environment(&vhost, neo4j, &prefix).await;
    let bolt = env[1].1.clone();
    let mut away: Env = env
        .into_iter()
        .filter(|(name, _)| name != "NEO4J_URI")
        .collect();
    let direct = [
        ("USE_RABBITMQ", "false"),
        ("NEO4J_URI", "bolt://127.0.0.1:1"),
    ];
    away.extend(direct.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mut gateway = Gateway::with(away);
    let user = unique("waiter");
    let views = (0..30).map(|n| view(&format!("{user}-{n}"), &user, n % 3));
    let events: Vec<Value> = views.collect();
    let (status, answer) = gateway.post("/events", &json!(events).to_string()).await;
    assert_eq!((status, &answer["accepted"]), (202, &json!(30)), "{answer}");
    gateway
        .start_again_with(Signal::SIGKILL, "USE_RABBITMQ", "true")
        .await;
    assert!(gateway.log().contains("has left over"), "{}", gateway.log());
    gateway
        .start_again_with(Signal::SIGKILL, "NEO4J_URI", &bolt)
        .await;
    let views = "MATCH (:User {id: $user})-[v:VIEWED]->() RETURN sum(v.count)";
    eventually("every event is in the graph", SOON, async || {
        let there = neo4j.number(views, json!({ "user": user })).await;
        (there == 30).then_some(())
    })
    .await;
    gateway.connected().await;
    // the queue of RabbitMQ has seen none of them
    let (_, queue) = gateway.get("/rabbitmq/queues/neo4j").await;
    assert_eq!(queue["messages_ready"], 0, "{queue}");
}
