//! An event that really kills the process that takes it.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use fanout::broker::{Message, Properties};
use fanout::config::{BrokerConfig, Config, Secret};
use fanout::engine::Shutdown;
use fanout::worker::Worker;
use fanout_contract::{Batch, Failure, Outcomes, Processor};
use futures::future::BoxFuture;

use crate::rig::{DLQ, Rig, SOON};
use crate::shop::QUEUE;
use crate::support::ledger::Ledger;
use crate::support::queues;

/// Where the child finds its broker; without it, it is no child.
const URL: &str = "FANOUT_TEST_KILLER_URL";
/// Where it writes down what it has applied.
const APPLIED: &str = "FANOUT_TEST_KILLER_APPLIED";

/// Writes ids to a file; a certain one aborts the process.
struct Mortal(std::path::PathBuf);

impl Processor for Mortal {
    fn name(&self) -> &'static str {
        "mortal"
    }

    fn process<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            if batch.events().iter().any(|e| e.id().as_str() == "killer") {
                std::process::abort();
            }
            let ids: String = batch
                .events()
                .iter()
                .map(|e| format!("{}\n", e.id()))
                .collect();
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .open(&self.0)
                .unwrap();
            file.write_all(ids.as_bytes()).unwrap();
            Ok(Outcomes::all_applied(batch))
        })
    }
}

/// The process that dies: this test binary, started again by the test below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_child_of_the_test_below() {
    let (Ok(url), Ok(applied)) = (std::env::var(URL), std::env::var(APPLIED)) else {
        return;
    };
    let mut config = Config {
        broker: BrokerConfig {
            urls: vec![Secret::new(url)],
            ..BrokerConfig::default()
        },
        ..Config::default()
    };
    config.http.addr = ([127, 0, 0, 1], 0).into();
    let worker = Worker::new("mortal-worker")
        .processor("neo4j", move |_| {
            Ok(Arc::new(Mortal(applied.clone().into())))
        })
        .until_empty(SOON);
    worker.run(&config, "neo4j", Shutdown::new()).await.unwrap();
}

/// Runs a child to its end; whether it was killed.
fn dies(url: &Secret, applied: &Path) -> bool {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "killer::a_child_of_the_test_below"])
        .env(URL, url.expose())
        .env(APPLIED, applied)
        .output()
        .unwrap();
    let killed = output.status.signal().is_some();
    let ended_well = output.status.success();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(killed || ended_well, "{:?} {said}", output.status);
    killed
}

fn event(id: &str) -> Message {
    let body = format!(r#"{{"eventId":"{id}","version":"v1","eventType":"view","payload":{{}}}}"#);
    let properties = Properties {
        message_id: Some(id.to_owned()),
        persistent: true,
        ..Properties::default()
    };
    Message {
        exchange: String::new(),
        routing_key: QUEUE.to_owned(),
        properties,
        body: body.into(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn an_event_that_aborts_the_process_ends_alone_in_the_dlq_and_all_others_are_applied() {
    let rig = Rig::new("abort").await;
    let ids: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    let mut all = ids.clone();
    all.insert(100, "killer".to_owned());
    queues::publish(&rig.broker, all.iter().map(|id| event(id))).await;
    let folder = tempfile::tempdir().unwrap();
    let applied = folder.path().join("applied");
    let mut deaths = 0;
    while dies(&rig.vhost.url(), &applied) {
        deaths += 1;
        assert!(deaths < 30);
    }
    // Ten in company, three alone.
    assert_eq!(deaths, 13);

    let dead = queues::look_into(&rig.broker, DLQ).await;
    assert_eq!(dead.len(), 1);
    let properties = &dead[0].message.properties;
    assert_eq!(properties.message_id.as_deref(), Some("killer"));
    let reason = properties.headers["fanout-reason"].as_str();
    assert_eq!(reason, Some("crash-suspect"));
    let text = std::fs::read_to_string(&applied).unwrap();
    let mut ledger = Ledger::default();
    ledger.published(ids);
    let distinct: BTreeSet<_> = text.lines().collect();
    ledger.compare(distinct).assert_exact();
    for queue in [QUEUE, "events.neo4j.suspect"] {
        queues::ready_is(&rig.broker, queue, 0).await;
    }
}
