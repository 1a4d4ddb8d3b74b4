//! `fanout topology apply` and `fanout queue …` against RabbitMQ.

use std::time::Duration;

use fanout::config::Config;
use fanout::topology::Topology;
use serde_json::{Value, json};

use crate::program::Program;
use crate::support::eventually;
use crate::support::rabbitmq::{RabbitMq, Vhost};

fn program(vhost: &Vhost) -> Program {
    Program::new().env("RABBITMQ_URL", vhost.url().expose())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn apply_declares_everything_and_may_be_repeated() {
    let vhost = RabbitMq::shared().await.vhost("apply").await;
    let program = program(&vhost);
    for _ in 0..2 {
        let done = program.run(&["topology", "apply"]).good();
        assert_eq!(done, "declared: exchanges 1, queues 13, bindings 2\n");
    }
    for queue in Topology::from_config(&Config::default()).queues {
        let found = vhost
            .management()
            .find(&vhost.path("queues", &queue.name))
            .await;
        assert_eq!(found.unwrap()["durable"], true, "{}", queue.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_queue_made_otherwise_exits_4_with_the_way_to_migrate() {
    let vhost = RabbitMq::shared().await.vhost("mismatch").await;
    let path = vhost.path("queues", "events.dlq");
    let classic = json!({"durable": true, "arguments": {"x-queue-type": "classic"}});
    vhost.management().put(&path, &classic).await;
    let complaint = program(&vhost).run(&["topology", "apply"]).bad(4);
    assert!(complaint.contains("events.dlq"), "{complaint}");
    assert!(complaint.contains("migrate"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn looking_declares_nothing_and_says_what_is_missing() {
    let vhost = RabbitMq::shared().await.vhost("look").await;
    let program = program(&vhost);
    let ended = program.run(&["queue", "list", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("fanout topology apply"), "{ended:?}");
    let list: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(list[0]["messages_ready"], Value::Null);
    assert_eq!(program.run(&["queue", "show", "neo4j"]).code, Some(1));
    let purge = program.run(&["queue", "purge", "neo4j", "--yes"]);
    assert!(purge.bad(1).contains("does not exist"));
    let found = vhost
        .management()
        .find(&vhost.path("queues", "events.neo4j"))
        .await;
    assert_eq!(found, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn depths_of_all_stages_are_listed_shown_and_purged() {
    let vhost = RabbitMq::shared().await.vhost("depths").await;
    let program = program(&vhost);
    program.run(&["topology", "apply"]).good();
    for (queue, count) in [
        ("events.neo4j", 3),
        ("events.neo4j.retry.5m", 2),
        ("events.neo4j.suspect", 1),
        ("events.dlq", 4),
    ] {
        for _ in 0..count {
            vhost
                .publish_raw(queue, json!({"delivery_mode": 2}), "{}")
                .await;
        }
    }
    let expected = json!({
        "queue": "neo4j", "name": "events.neo4j", "type": "quorum",
        "messages": null, "messages_ready": 3, "messages_unacknowledged": null,
        "consumers": 0, "rates": null, "paused": false, "retry": {"5s": 0, "30s": 0, "5m": 2},
        "suspects": 1, "dead_letter_queue": "events.dlq", "dead_letters": 4,
    });
    let same = eventually("the depths", Duration::from_secs(20), async || {
        let shown = program.run(&["queue", "show", "neo4j", "--json"]).json();
        (shown == expected).then_some(shown)
    })
    .await;
    let list = program.run(&["queue", "list", "--json"]).json();
    assert_eq!(list[0], same);
    assert_eq!(list[1]["queue"], "qdrant");
    let table = program.run(&["queue", "list"]).good();
    assert!(table.contains("DEAD LETTERS") && table.contains("4 (events.dlq)"));
    let side = program
        .run(&["queue", "show", "events.dlq", "--json"])
        .json();
    assert_eq!(
        (&side["role"], &side["messages_ready"]),
        (&json!("dead-letter"), &json!(4))
    );

    let purged = program
        .run(&["queue", "purge", "events.dlq", "--yes"])
        .good();
    assert_eq!(purged, "purged 4 messages from events.dlq\n");
    let purged = program
        .run(&["queue", "purge", "neo4j", "--yes", "--json"])
        .json();
    assert_eq!(purged, json!({"name": "events.neo4j", "purged": 3}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn the_management_api_adds_unacknowledged_messages_and_rates() {
    let rabbit = RabbitMq::shared().await;
    let vhost = rabbit.vhost("rates").await;
    let port = rabbit.container().host_port(15672).await;
    let program = program(&vhost).env(
        "RABBITMQ_MANAGEMENT_URL",
        &format!("http://127.0.0.1:{port}"),
    );
    program.run(&["topology", "apply"]).good();
    vhost
        .publish_raw("events.neo4j", json!({"delivery_mode": 2}), "{}")
        .await;
    // The API shows what its statistics have gathered, every five seconds.
    let shown = eventually("the statistics", Duration::from_secs(60), async || {
        let shown = program.run(&["queue", "show", "neo4j", "--json"]).json();
        (shown["messages"] == 1).then_some(shown)
    })
    .await;
    assert_eq!(shown["messages_unacknowledged"], 0);
    assert!(shown["rates"].is_object(), "{shown}");

    let unreachable = Program::new()
        .env("RABBITMQ_URL", vhost.url().expose())
        .env("RABBITMQ_MANAGEMENT_URL", "http://127.0.0.1:1");
    let ended = unreachable.run(&["queue", "show", "neo4j", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("warning: "), "{ended:?}");
}
