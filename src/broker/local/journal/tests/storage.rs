//! Fsync, power cuts, a full disk, a damaged file, two owners.

use super::*;
use crate::broker::local::LocalStore;

/// Messages of one round of power cuts.
const ROUND: usize = 20;

#[tokio::test]
async fn a_confirmed_message_has_been_synced() {
    let disk = Disk::default();
    let server = open(&disk);
    let broker = server.connect();
    for n in 0..10 {
        let before = disk.syncs();
        publish(&broker, "main", &[&n.to_string()]).await;
        assert!(disk.syncs() > before);
        let left = open(&disk.after_power_cut(n));
        assert_eq!(left.count("main"), Some(usize::try_from(n).unwrap() + 1));
    }
}

#[tokio::test]
async fn publishes_side_by_side_share_a_sync() {
    let disk = Disk::default();
    let server = open(&disk);
    let broker = server.connect();
    let before = disk.syncs();
    let publishes = (0..400).map(|n| broker.publish(message("main", &n.to_string())));
    for result in join_all(publishes).await {
        result.unwrap();
    }
    let syncs = disk.syncs() - before;
    assert!(syncs < 100, "{syncs} for 400 messages");
    assert_eq!(server.count("main"), Some(400));
}

/// Messages are published, half of them consumed, and the power goes at any time.
#[tokio::test]
async fn after_a_power_cut_all_that_was_confirmed_and_not_settled_is_there() {
    for seed in 0..40 {
        let disk = Disk::default();
        let server = open(&disk);
        let broker = server.connect();
        let mut subscription = broker.consume("main", 5).await.unwrap();
        let mut confirmed = Vec::new();
        for n in 0..ROUND {
            let n = n.to_string();
            broker.publish(message("main", &n)).await.unwrap();
            confirmed.push(n);
        }
        let mut settled = Vec::new();
        for delivery in take(&mut subscription, ROUND / 2 - 5).await {
            subscription.channel.ack(delivery.tag, false).await.unwrap();
            settled.push(body(&delivery.message));
        }
        // Not confirmed: these may be there or not.
        let unknown = (100..105).map(|n| broker.publish(message("main", &n.to_string())));
        let unknown = join_all(unknown);
        let cut = async {
            for _ in 0..seed % 7 {
                tokio::task::yield_now().await;
            }
            disk.after_power_cut(seed)
        };
        let (_, left) = tokio::join!(unknown, cut);
        let server = open(&left);
        let contents = server.inspect("main").unwrap();
        let found: Vec<_> = contents.messages().map(body).collect();
        for n in confirmed.iter().filter(|n| !settled.contains(n)) {
            assert!(found.contains(n), "seed {seed}: {n} is lost of {found:?}");
        }
        for n in &found {
            let published = confirmed.contains(n) || n.len() == 3;
            assert!(published, "seed {seed}: {n} was never published");
        }
        publish(&server.connect(), "main", &["goes on"]).await;
    }
}

#[tokio::test]
async fn a_full_disk_refuses_publishers_and_nothing_is_lost_or_half_there() {
    #[cfg(feature = "cli")]
    let lines = crate::telemetry::lines::Lines::of_threads();
    let disk = Disk::default();
    let server = open(&disk);
    let broker = server.connect();
    publish(&broker, "main", &["1", "2"]).await;
    publish(&broker, "retry", &["3"]).await;
    let mut subscription = broker.consume("main", 1).await.unwrap();
    take(&mut subscription, 1).await;

    disk.set_full(true);
    subscription.channel.ack(1, false).await.unwrap();
    for _ in 0..3 {
        let refused = broker.publish(message("main", "4")).await;
        assert_eq!(refused, Err(PublishError::Refused));
    }
    let reason = broker.status().borrow().blocked.clone();
    assert!(reason.is_some(), "health sees why");
    // What is in the stage becomes due meanwhile; the move must wait and not get lost.
    let left = open(&{
        let left = disk.after_kill();
        left.set_full(false);
        left
    });
    assert_eq!(
        left.inspect("main").unwrap().messages().count() + left.count("retry").unwrap(),
        3
    );

    // sleep: the stage of 300 ms becomes due while nothing can be written
    tokio::time::sleep(Duration::from_millis(350)).await;
    disk.set_full(false);
    let mut status = broker.status();
    let mends = status.wait_for(|s| s.blocked.is_none());
    tokio::time::timeout(SOON, mends)
        .await
        .expect("mended")
        .unwrap();
    #[cfg(feature = "cli")]
    {
        lines.told("the local store refuses");
        lines.told("the local store takes messages again");
    }
    publish(&broker, "main", &["5"]).await;
    eventually(|| server.count("retry") == Some(0)).await;
    server.flushed().await;
    for server in [server, open(&disk.after_kill())] {
        let mut found: Vec<_> = server
            .inspect("main")
            .unwrap()
            .messages()
            .map(body)
            .collect();
        found.sort();
        assert_eq!(found, ["2", "3", "5"]);
    }
}

#[tokio::test]
async fn a_publish_that_was_refused_after_it_was_written_does_not_appear_later() {
    let disk = Disk::default();
    let server = open(&disk);
    let broker = server.connect();
    publish(&broker, "main", &["1"]).await;
    disk.set_unsyncable(true);
    let refused = broker.publish(message("main", "2")).await;
    assert_eq!(refused, Err(PublishError::Refused));
    let written = open(&{
        let left = disk.after_kill();
        left.set_unsyncable(false);
        left
    });
    assert_eq!(
        ready(&written, "main"),
        ["1", "2"],
        "or this proves nothing"
    );
    disk.set_unsyncable(false);
    let mut status = broker.status();
    let mends = status.wait_for(|s| s.blocked.is_none());
    tokio::time::timeout(SOON, mends)
        .await
        .expect("mended")
        .unwrap();
    server.flushed().await;
    assert_eq!(ready(&open(&disk.after_kill()), "main"), ["1"]);
}

#[tokio::test]
async fn beyond_its_memory_the_broker_refuses_new_events_and_still_takes_retries() {
    let disk = Disk::default();
    let server = try_open(&disk, main_and_retry(), 10_000).unwrap();
    let broker = server.connect();
    let mut taken = 0;
    while broker.publish(message("main", "x")).await.is_ok() {
        taken += 1;
    }
    assert!((5..20).contains(&taken), "{taken}");
    publish(&broker, "retry", &["y"]).await;
    // The stage hands back into the queue that is full for others.
    eventually(|| server.count("main") == Some(taken + 1)).await;
    assert_eq!(server.purge("main"), Some(taken + 1));
    publish(&broker, "main", &["z"]).await;
}

#[tokio::test]
async fn a_damaged_file_is_told_and_never_trusted() {
    let disk = Disk::default();
    let server = open(&disk);
    let broker = server.connect();
    let bodies: Vec<_> = (0..300)
        .map(|n| format!("body-{n:04}").repeat(20))
        .collect();
    for result in join_all(bodies.iter().map(|b| broker.publish(message("main", b)))).await {
        result.unwrap();
    }
    server.shut_down().await;
    let (mut told, mut held) = (0, 0);
    for seed in 0..60 {
        let copy = disk.after_kill();
        let mut random = fastrand::Rng::with_seed(seed);
        copy.damage(|bytes| match seed % 3 {
            // The end is gone.
            0 => bytes.truncate(bytes.len() - random.usize(1..bytes.len() / 2)),
            // A sector is not what was written.
            _ => {
                let at = random.usize(..bytes.len() / 512) * 512;
                bytes[at..at + 512].fill_with(|| random.u8(..));
            }
        });
        match try_open(&copy, main_and_retry(), MEMORY) {
            Err(OpenError::Damaged { .. } | OpenError::Unusable { .. }) => told += 1,
            Err(other) => panic!("seed {seed}: {other}"),
            // Space that nothing was in: all is there as it was.
            Ok(server) => {
                let mut found = ready(&server, "main");
                found.sort();
                assert!(found == bodies, "seed {seed}: {} found", found.len());
                held += 1;
            }
        }
    }
    assert!(told > 20, "{told} told, {held} held");
}

#[tokio::test]
async fn a_file_of_a_newer_format_is_left_alone() {
    let disk = Disk::default();
    open(&disk).shut_down().await;
    let database = disk.opener()().unwrap();
    let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(meta)
        .unwrap()
        .insert("format", 99)
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = try_open(&disk, main_and_retry(), MEMORY).unwrap_err();
    assert!(
        matches!(error, OpenError::OtherFormat { found: 99, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_folder_has_one_owner_and_a_second_is_told_which() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::default();
    let first = LocalBroker::open(dir.path(), main_and_retry(), store)
        .await
        .unwrap();
    let second = LocalBroker::open(dir.path(), main_and_retry(), store).await;
    let error = second.map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(
        error.to_string().contains(&std::process::id().to_string()),
        "{error}"
    );
    publish(&first, "main", &["1"]).await;
    first.server().shut_down().await;
    let late = first.publish(message("main", "2")).await;
    assert!(
        matches!(late, Err(PublishError::NotConnected(_))),
        "{late:?}"
    );
    let third = LocalBroker::open(dir.path(), main_and_retry(), store)
        .await
        .unwrap();
    assert_eq!(ready(third.server(), "main"), ["1"]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let result = LocalServer::open(file.path(), main_and_retry(), LocalStore::default()).await;
    let error = result.map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
}

/// The last handle may go without a word: the thread ends and gives the folder free.
#[tokio::test]
async fn dropping_everything_gives_the_folder_free() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::default();
    let server = LocalServer::open(dir.path(), main_and_retry(), store)
        .await
        .unwrap();
    let core = Arc::downgrade(server.core());
    publish(&server.connect(), "main", &["1"]).await;
    drop(server);
    eventually(|| core.strong_count() == 0).await;
    let server = LocalServer::open(dir.path(), main_and_retry(), store)
        .await
        .unwrap();
    assert!(server.recovery().closed);
    assert_eq!(ready(&server, "main"), ["1"]);
}
