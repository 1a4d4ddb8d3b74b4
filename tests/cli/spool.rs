//! `fanout spool` on a folder that a publisher has left.

use std::time::Duration;

use fanout::broker::local::LocalBroker;
use fanout::broker::{Message, Properties};
use fanout::config::{Config, SpoolConfig};
use fanout::publish::{Accepted, Intake, Publisher};
use fanout::topology::Topology;
use serde_json::{Value, json};

use crate::program::Program;

fn config(program: &Program) -> Config {
    let mut config = Config::default();
    config.spool = SpoolConfig {
        dir: program.folder().join("spool"),
        ..config.spool
    };
    config
}

fn message(id: &str, exchange: &str) -> Message {
    let body = json!({"event_id": id, "event_type": "view", "user_id": id, "product_id": 1});
    Message {
        exchange: exchange.to_owned(),
        properties: Properties {
            message_id: Some(id.to_owned()),
            kind: Some("view".to_owned()),
            persistent: true,
            ..Properties::default()
        },
        body: body.to_string().into(),
        ..Message::default()
    }
}

/// Two messages that no queue takes are set aside: they were accepted while the broker was
/// away.
async fn left_behind(program: &Program) -> Config {
    let config = config(program);
    let mut topology = Topology::from_config(&config);
    topology.bindings.clear();
    let broker = std::sync::Arc::new(LocalBroker::start(topology));
    broker.disconnect(Duration::from_millis(500));
    let publisher = Publisher::with_broker(broker.clone(), &config)
        .await
        .unwrap();
    for id in ["a", "b"] {
        let accepted = publisher.accept(message(id, "events")).await;
        assert_eq!(accepted, Ok(Accepted::Spooled));
    }
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while publisher.status().set_aside < 2 {
        assert!(std::time::Instant::now() < end, "{:?}", publisher.status());
        // sleep: between two looks; the deadline is above
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let busy = program.run_here(&["spool", "list"]).bad(3);
    assert!(busy.contains("stop that program first"), "{busy}");
    publisher.shut_down(Duration::from_secs(5)).await;
    config
}

fn list(program: &Program) -> Value {
    program.run_here(&["spool", "list", "--json"]).json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_set_aside_is_listed_exported_given_back_and_dropped() {
    let program = Program::new();
    let config = left_behind(&program).await;
    let listed = list(&program);
    assert_eq!(
        (&listed["waiting"], &listed["set_aside"]),
        (&json!(0), &json!(2))
    );
    let first = &listed["messages"][0];
    assert_eq!(
        (&first["id"], &first["code"]),
        (&json!("a"), &json!("publish-unroutable"))
    );
    let number = first["number"].to_string();

    let exported = program.run_here(&["spool", "export", &number]).good();
    let exported: Value = serde_json::from_str(&exported).unwrap();
    let body: Value = serde_json::from_str(exported["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["event_id"], "a");

    program.run_here(&["spool", "retry", &number]).good();
    let listed = list(&program);
    assert_eq!(
        (&listed["waiting"], &listed["set_aside"]),
        (&json!(1), &json!(1))
    );
    let unknown = program.run_here(&["spool", "retry", &number]).bad(1);
    assert!(unknown.contains(&number), "{unknown}");
    program.run_here(&["spool", "drop"]).bad(2);
    program.run_here(&["spool", "drop", "--yes"]).good();
    assert_eq!(list(&program)["set_aside"], 0);

    // the next start sends what was given back, where a queue takes it now
    let broker = std::sync::Arc::new(LocalBroker::start(Topology::from_config(&config)));
    let publisher = Publisher::with_broker(broker.clone(), &config)
        .await
        .unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while broker.server().count("events.neo4j") != Some(1) {
        assert!(std::time::Instant::now() < end, "{:?}", publisher.status());
        // sleep: between two looks; the deadline is above
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    publisher.shut_down(Duration::from_secs(5)).await;
    assert_eq!(list(&program)["waiting"], 0);
}

#[test]
fn where_there_is_no_spool_none_is_made() {
    let program = Program::new();
    let complaint = program.run_here(&["spool", "list"]).bad(1);
    assert!(complaint.contains("there is no spool"), "{complaint}");
    assert!(!program.folder().join("spool").exists());
}

impl Program {
    /// With the spool in its folder.
    fn run_here(&self, args: &[&str]) -> crate::program::Ended {
        let mut command = self.command(args);
        crate::program::Ended::of(command.env("FANOUT_SPOOL_DIR", "spool").output().unwrap())
    }
}
