//! `fanout queue pause` and `resume`, and the same over HTTP, against RabbitMQ and Neo4j.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::program::Program;
use crate::support::neo4j::{Neo4j, PASSWORD};
use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::unique;
use crate::worker_program;

fn worker(vhost: &Vhost, bolt: u16) -> worker_program::Program {
    worker_program::Program::new()
        .env("RABBITMQ_URL", vhost.url().expose())
        .env("NEO4J_URI", &format!("bolt://127.0.0.1:{bolt}"))
        .env("NEO4J_PASSWORD", PASSWORD)
}

fn events(user: &str) -> String {
    let event = |n: u32| {
        let id = format!("{user}-{n}");
        let event =
            json!({ "event_id": id, "user_id": user, "product_id": n, "event_type": "view" });
        format!("{event}\n")
    };
    (0..50).map(event).collect()
}

async fn views(neo4j: &Neo4j, user: &str) -> u64 {
    let statement = "MATCH (:User {id: $user})-[v:VIEWED]->(:Product) RETURN sum(v.count)";
    neo4j.number(statement, json!({ "user": user })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_paused_queue_keeps_its_events_until_it_is_resumed_and_the_worker_stays_ready() {
    let (rabbitmq, neo4j) = tokio::join!(RabbitMq::shared(), Neo4j::shared());
    let vhost = rabbitmq.vhost("pause").await;
    let user = unique("paused");
    let fanout = Program::new()
        .env("RABBITMQ_URL", vhost.url().expose())
        .file("events.ndjson", events(&user));
    fanout.run(&["topology", "apply"]).good();
    let paused = fanout.run(&["queue", "pause", "neo4j", "--reason", "restore", "--json"]);
    assert_eq!(paused.json()["paused"], true);
    fanout.run(&["publish", "events.ndjson"]).good();

    let program = worker(&vhost, neo4j.bolt_port().await);
    let running = program.start(&["--queue", "neo4j"]);
    worker_program::eventually("the worker has seen the pause", || {
        let (status, health) = running.get("/health");
        (status == 200 && health["issues"].to_string().contains("paused: ")).then_some(())
    });
    worker_program::eventually("a paused worker is ready", || {
        (running.get("/ready").0 == 200).then_some(())
    });
    let shown = fanout.run(&["queue", "show", "neo4j"]).good();
    assert!(shown.contains(": restore"), "{shown}");
    let depth = fanout.run(&["queue", "show", "neo4j", "--json"]).json();
    assert_eq!(
        (
            &depth["paused"],
            &depth["messages_ready"],
            &depth["consumers"]
        ),
        (&json!(true), &json!(50), &json!(0))
    );
    assert_eq!(views(neo4j, &user).await, 0);

    let at = format!("http://{}", running.http());
    let status = [
        "status",
        "--once",
        "--worker",
        &at,
        "--worker",
        "http://127.0.0.1:1",
    ];
    let text = fanout.run(&status).good();
    assert!(
        text.contains("neo4j (paused)") && text.contains("no answer"),
        "{text}"
    );
    assert!(text.contains("paused: consumption"), "{text}");
    let seen = fanout.run(&[&status[..], &["--json"]].concat()).json();
    assert_eq!(seen["queues"][0]["paused"], true);
    assert_eq!(seen["queues"][0]["messages_ready"], 50);
    assert_eq!(seen["workers"][0]["health"]["db"], true);
    assert_eq!(seen["workers"][1]["health"], json!(null));

    let resumed = fanout.run(&["queue", "resume", "neo4j"]).good();
    assert_eq!(resumed, "events.neo4j goes on within two seconds\n");
    crate::support::eventually(
        "everything is applied",
        Duration::from_secs(60),
        async || (views(neo4j, &user).await == 50).then_some(()),
    )
    .await;
    running.signal(Signal::SIGTERM);
    assert_eq!(running.ended().code, Some(0));
    let again = fanout.run(&["queue", "resume", "neo4j"]).good();
    assert_eq!(again, "events.neo4j was not paused\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn without_the_topology_a_pause_says_what_to_do() {
    let vhost = RabbitMq::shared().await.vhost("pause-none").await;
    let fanout = Program::new().env("RABBITMQ_URL", vhost.url().expose());
    for command in ["pause", "resume"] {
        let complaint = fanout.run(&["queue", command, "neo4j"]).bad(1);
        assert!(complaint.contains("fanout topology apply"), "{complaint}");
    }
    let complaint = fanout.run(&["queue", "pause", "events.dlq"]).bad(2);
    assert!(complaint.contains("neo4j, qdrant"), "{complaint}");
}
