//! `kill -9` at any moment, again and again: what a publisher answered with success is in its
//! spool, in order per subject.
//!
//! The victim is this test binary, started anew with [`DIR`] set. Its broker is away for most
//! of the time; it says on its standard output what was accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use fanout::broker::local::LocalBroker;
use fanout::broker::{Message, Properties};
use fanout::config::Config;
use fanout::publish::{Intake, Publisher};
use fanout::topology::Topology;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::support::{eventually, within};

/// Tells the victim which folder, and from which number on it publishes.
const DIR: &str = "FANOUT_KILLED_SPOOL_DIR";
const FROM: &str = "FANOUT_KILLED_SPOOL_FROM";

const ROUNDS: u64 = 15;
const SUBJECTS: u64 = 10;
const SOON: Duration = Duration::from_secs(60);

async fn publisher(dir: &Path, broker: LocalBroker) -> Publisher {
    let mut config = Config::default();
    config.spool.dir = dir.to_owned();
    Publisher::with_broker(Arc::new(broker), &config)
        .await
        .unwrap()
}

fn broker() -> LocalBroker {
    LocalBroker::start(Topology::from_config(&Config::default()))
}

fn message(subject: u64, number: u64) -> Message {
    Message {
        exchange: "events".to_owned(),
        properties: Properties {
            message_id: Some(format!("{subject}.{number}")),
            ..Properties::default()
        },
        body: format!("{{\"user_id\":{subject},\"fill\":\"{}\"}}", "x".repeat(200)).into(),
        ..Message::default()
    }
}

/// One line in one write: it is either said or not.
fn say(id: &str) {
    let _ = std::io::stdout().write_all(format!("\n@accepted {id}\n").as_bytes());
}

/// The victim. Does nothing where it was not asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victim() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let from: u64 = std::env::var(FROM).unwrap().parse().unwrap();
    let broker = broker();
    broker.disconnect(Duration::from_secs(3600));
    let publisher = Arc::new(publisher(Path::new(&dir), broker).await);
    let callers = (0..SUBJECTS).map(|subject| {
        let publisher = Arc::clone(&publisher);
        tokio::spawn(async move {
            for number in from.. {
                publisher.accept(message(subject, number)).await.unwrap();
                say(&format!("{subject}.{number}"));
            }
        })
    });
    futures::future::join_all(callers).await;
}

/// Starts a victim, lets it say so much, and kills it.
async fn one_life(dir: &Path, said: &mut BTreeSet<String>, from: u64, lines: usize) {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "spool::victim",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIR, dir)
        .env(FROM, from.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(victim.stdout.take().unwrap()).lines();
    let until = said.len() + lines;
    let mut note = |line: String| {
        said.extend(line.strip_prefix("@accepted ").map(str::to_owned));
        said.len()
    };
    let reading = async {
        let mut count = 0;
        while count < until {
            let line = output.next_line().await.unwrap();
            count = note(line.expect("the victim lives"));
        }
    };
    within("a victim at work", SOON, reading).await;
    victim.start_kill().unwrap();
    // What it had said before it died.
    while let Some(line) = output.next_line().await.unwrap() {
        note(line);
    }
    let status = victim.wait().await.unwrap();
    assert!(!status.success(), "it was killed: {status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_before_a_kill_reaches_the_broker_in_order_per_subject() {
    let dir = tempfile::tempdir().unwrap();
    let mut said = BTreeSet::new();
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..ROUNDS {
        let lines = random.usize(1..1_500);
        one_life(dir.path(), &mut said, round * 1_000_000, lines).await;
    }
    let broker = broker();
    let server = broker.server().clone();
    let publisher = publisher(dir.path(), broker).await;
    assert!(!publisher.recovery().closed);
    eventually("the spool is empty", SOON, async || {
        (publisher.backlog().messages == 0).then_some(())
    })
    .await;
    let contents = server.inspect("events.neo4j").unwrap();
    let ids: Vec<_> = contents
        .messages()
        .filter_map(|m| m.properties.message_id.clone())
        .collect();
    let there: BTreeSet<_> = ids.iter().cloned().collect();
    let lost: Vec<_> = said.difference(&there).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for id in &ids {
        let (subject, number) = id.split_once('.').unwrap();
        let number = number.parse().unwrap();
        let before = last.insert(subject.to_owned(), number);
        let later = before.is_none_or(|before| before < number);
        assert!(later, "{id} after {before:?}");
    }
    assert!(said.len() > 1_000, "{}", said.len());
}
