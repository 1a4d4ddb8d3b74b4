//! A folder on a real disk: its owner, its damage.

use std::path::Path;
use std::time::Duration;

use futures::future::join_all;

use crate::broker::Message;
use crate::broker::local::LocalBroker;
use crate::config::Config;
use crate::publish::{Accepted, Publisher, SpoolError};
use crate::topology::Topology;

fn config(dir: &Path) -> Config {
    let mut config = Config::default();
    config.spool.dir = dir.to_owned();
    config
}

fn message(number: u32) -> Message {
    Message {
        exchange: "events".to_owned(),
        body: format!("{{\"user_id\":{number},\"event_type\":\"view\"}}").into(),
        ..Message::default()
    }
}

/// A broker that will not be back soon.
fn absent() -> LocalBroker {
    let broker = LocalBroker::start(Topology::from_config(&Config::default()));
    broker.disconnect(Duration::from_secs(3600));
    broker
}

async fn open(broker: LocalBroker, dir: &Path) -> Result<Publisher, SpoolError> {
    Publisher::with_broker(std::sync::Arc::new(broker), &config(dir)).await
}

async fn filled(dir: &Path, count: u32) {
    let publisher = open(absent(), dir).await.unwrap();
    let answers = publisher.accept_all((0..count).map(message)).await;
    assert!(
        answers.iter().all(|a| *a == Ok(Accepted::Spooled)),
        "{answers:?}"
    );
    let left = publisher.shut_down(Duration::from_secs(5)).await;
    assert_eq!(left.messages, u64::from(count));
}

#[tokio::test]
async fn what_was_spooled_is_there_after_a_restart_and_reaches_the_broker() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 200).await;
    let broker = LocalBroker::start(Topology::from_config(&Config::default()));
    let server = broker.server().clone();
    let publisher = open(broker, dir.path()).await.unwrap();
    let recovery = publisher.recovery();
    assert!(recovery.existed && recovery.closed, "{recovery:?}");
    let start = tokio::time::Instant::now();
    while publisher.status().backlog.messages > 0 {
        assert!(start.elapsed() < Duration::from_secs(20));
        // sleep: between two looks; the deadline is above
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.count("events.neo4j"), Some(200));
    assert_eq!(server.count("events.qdrant"), Some(200));
}

#[tokio::test]
async fn messages_side_by_side_share_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let publisher = open(absent(), dir.path()).await.unwrap();
    let start = tokio::time::Instant::now();
    let answers = join_all((0..5_000).map(|n| {
        use crate::publish::Intake;
        publisher.accept(message(n))
    }));
    assert!(answers.await.iter().all(Result::is_ok));
    // One by one they would take a minute on any disk.
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_spool_has_one_owner_who_is_named_and_is_free_after_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(absent(), dir.path()).await.unwrap();
    let error = open(absent(), dir.path()).await.unwrap_err();
    assert_eq!(error.code(), "spool-in-use");
    let named = error.to_string().contains(&std::process::id().to_string());
    assert!(named, "{error}");
    first.shut_down(Duration::from_secs(5)).await;
    open(absent(), dir.path()).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = open(absent(), file.path()).await.unwrap_err();
    assert!(matches!(error, SpoolError::Unusable { .. }), "{error}");
}

/// Damaged anywhere, it is told or it does no harm; it never panics and never hangs.
#[tokio::test]
async fn a_damaged_file_is_told_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 50).await;
    let path = dir.path().join("spool.redb");
    let good = std::fs::read(&path).unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    let mut told = 0;
    for round in 0..40 {
        let mut bad = good.clone();
        match round {
            0 => bad.truncate(bad.len() / 2),
            1 => bad.iter_mut().for_each(|b| *b = 0),
            2 => bad = b"something else".to_vec(),
            _ => {
                for _ in 0..20 {
                    let at = random.usize(..bad.len());
                    bad[at] ^= random.u8(1..);
                }
            }
        }
        std::fs::write(&path, &bad).unwrap();
        match open(absent(), dir.path()).await {
            Ok(publisher) => {
                publisher.shut_down(Duration::from_secs(5)).await;
            }
            Err(error) => {
                told += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(told > 3, "{told}");
    std::fs::write(&path, &good).unwrap();
    let publisher = open(absent(), dir.path()).await.unwrap();
    assert_eq!(publisher.recovery().messages, 50);
    publisher.broker().close().await;
}
