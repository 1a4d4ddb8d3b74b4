//! `fanout dlq` on the local store of direct mode.

use fanout::broker::local::{LocalServer, LocalStore};
use fanout::broker::{Broker, Message};
use fanout::config::Config;
use fanout::recovery::{FailureNote, dead_letter};
use fanout::topology::Topology;
use fanout_contract::{EventId, ReasonCode};
use jiff::Timestamp;
use serde_json::json;

use crate::program::Program;

fn program() -> Program {
    Program::new().env("USE_RABBITMQ", "false")
}

async fn open(program: &Program) -> LocalServer {
    let topology = Topology::from_config(&Config::default());
    let dir = program.folder().join("fanout-data/broker");
    LocalServer::open(&dir, topology, LocalStore::default())
        .await
        .unwrap()
}

async fn dead(server: &LocalServer, count: usize) {
    let broker = server.connect();
    for id in 0..count {
        let id = id.to_string();
        let note = FailureNote {
            queue: "events.neo4j",
            attempt: 4,
            code: ReasonCode::new("neo4j-value"),
            error: "it is wrong",
            at: Timestamp::now(),
        };
        let original = Message {
            body: format!(r#"{{"event_id":"{id}","event_type":"view"}}"#).into(),
            ..Message::default()
        };
        let id = EventId::new(id);
        let letter = dead_letter(&original, Some(&id), "events.dlq".to_owned(), &note);
        broker.publish(letter).await.unwrap();
    }
    broker.close().await;
}

#[tokio::test]
async fn dead_letters_of_the_local_store_are_shown_and_replayed() {
    let program = program();
    let server = open(&program).await;
    dead(&server, 5).await;
    server.shut_down().await;
    drop(server);
    let groups = program.run(&["dlq", "group", "--json"]).json();
    assert_eq!(groups["groups"][0]["count"], 5);
    let report = program
        .run(&["dlq", "replay", "--id", "3", "--json"])
        .json();
    assert_eq!(
        report["by"],
        json!([{"queue": "events.neo4j", "reason": "neo4j-value", "count": 1}])
    );
    let purged = program
        .run(&["dlq", "purge", "--all", "--yes", "--json"])
        .json();
    assert_eq!(purged["done"], 4);
    let server = open(&program).await;
    assert_eq!(server.count("events.dlq"), Some(0));
    assert_eq!(server.count("events.neo4j"), Some(1));
    let log = program.run(&["dlq", "audit", "--json"]).json();
    assert_eq!(log.as_array().unwrap().len(), 4);
    server.shut_down().await;
}

#[tokio::test]
async fn a_store_that_is_in_use_exits_3_with_the_way_over_http() {
    let program = program();
    let server = open(&program).await;
    let refused = program.run(&["dlq", "list"]).bad(3);
    assert!(
        refused.contains("in use") && refused.contains("GET /dlq"),
        "{refused}"
    );
    server.shut_down().await;
}

#[test]
fn where_there_is_no_store_nothing_is_made() {
    let program = program();
    let refused = program.run(&["dlq", "list"]).bad(1);
    assert!(refused.contains("no local store"), "{refused}");
    assert!(!program.folder().join("fanout-data").exists());
    assert_eq!(
        program.run(&["dlq", "audit"]).good(),
        "nothing was changed yet\n"
    );
}
