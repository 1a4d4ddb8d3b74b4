//! What a broker knows after its process has ended, in order or not.

use super::*;

#[tokio::test]
async fn what_is_confirmed_is_there_after_a_restart_in_its_order() {
    let disk = Disk::default();
    let server = open(&disk);
    assert!(!server.recovery().existed);
    publish(&server.connect(), "main", &["1", "2", "3"]).await;
    server.shut_down().await;
    let server = open(&disk);
    let recovery = server.recovery().clone();
    assert!(recovery.existed && recovery.closed, "{recovery:?}");
    assert_eq!((recovery.messages, recovery.redelivered), (3, 0));
    assert_eq!(ready(&server, "main"), ["1", "2", "3"]);
    // Ids go on from there: what comes now stands behind.
    publish(&server.connect(), "main", &["4"]).await;
    assert_eq!(ready(&server, "main"), ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_message_arrives_after_a_restart_as_it_was_sent() {
    let disk = Disk::default();
    let server = open(&disk);
    let mut sent = message("main", "body");
    sent.properties.message_id = Some("id".to_owned());
    sent.properties.priority = Some(9);
    sent.properties.persistent = true;
    let nested = [("inner".to_owned(), crate::broker::HeaderValue::Double(1.5))];
    let values = vec![
        crate::broker::HeaderValue::Int(-1),
        crate::broker::HeaderValue::Bytes(bytes::Bytes::from_static(&[0, 255])),
        crate::broker::HeaderValue::Table(nested.into()),
    ];
    let list = crate::broker::HeaderValue::List(values);
    sent.properties.headers.insert("list".to_owned(), list);
    server.connect().publish(sent.clone()).await.unwrap();
    let found = open(&disk.after_kill()).inspect("main").unwrap();
    assert_eq!(found.ready, [sent]);
}

#[tokio::test]
async fn what_was_settled_is_gone_and_what_was_held_comes_first_and_counted() {
    let disk = Disk::default();
    let server = open(&disk);
    let broker = server.connect();
    publish(&broker, "main", &["1", "2", "3", "4", "5"]).await;
    let mut subscription = broker.consume("main", 4).await.unwrap();
    take(&mut subscription, 4).await;
    subscription.channel.cancel().await.unwrap();
    subscription.channel.ack(1, false).await.unwrap();
    subscription.channel.ack(3, false).await.unwrap();
    server.flushed().await;

    let server = open(&disk.after_kill());
    assert!(!server.recovery().closed);
    let broker = server.connect();
    let mut subscription = broker.consume("main", 10).await.unwrap();
    let deliveries = take(&mut subscription, 3).await;
    let expected = [("2".into(), 1), ("4".into(), 1), ("5".into(), 0)];
    assert_eq!(counted(&deliveries), expected);
    assert!(deliveries[0].redelivered && !deliveries[2].redelivered);
}

#[tokio::test]
async fn a_delivery_counts_even_where_its_process_dies_at_once() {
    let mut disk = Disk::default();
    publish(&open(&disk).connect(), "main", &["poison"]).await;
    disk = disk.after_kill();
    for crashes in 0..5 {
        let server = open(&disk);
        let broker = server.connect();
        let mut subscription = broker.consume("main", 1).await.unwrap();
        let deliveries = take(&mut subscription, 1).await;
        assert_eq!(counted(&deliveries), [("poison".into(), crashes)]);
        // Nothing was flushed: the consumer has only just seen it.
        disk = disk.after_kill();
    }
}

#[tokio::test]
async fn what_came_back_keeps_its_count_and_is_not_counted_for_a_crash_it_did_not_see() {
    let disk = Disk::default();
    let server = open(&disk);
    let broker = server.connect();
    publish(&broker, "main", &["1", "2", "3"]).await;
    let mut subscription = broker.consume("main", 2).await.unwrap();
    take(&mut subscription, 2).await;
    // Both come back, 2 before 1; then 2 is handed out again.
    subscription.channel.cancel().await.unwrap();
    subscription.channel.requeue(2).await.unwrap();
    subscription.channel.requeue(1).await.unwrap();
    let mut again = broker.consume("main", 1).await.unwrap();
    assert_eq!(counted(&take(&mut again, 1).await), [("2".into(), 1)]);

    let server = open(&disk.after_kill());
    assert_eq!(server.recovery().redelivered, 1);
    let broker = server.connect();
    let mut subscription = broker.consume("main", 10).await.unwrap();
    let expected = [("1".into(), 1), ("2".into(), 2), ("3".into(), 0)];
    assert_eq!(counted(&take(&mut subscription, 3).await), expected);
}

#[tokio::test]
async fn a_retry_stage_goes_on_while_no_process_runs() {
    let disk = Disk::default();
    publish(&open(&disk).connect(), "retry", &["1"]).await;
    let disk = disk.after_kill();
    // sleep: the downtime, longer than the stage
    tokio::time::sleep(Duration::from_millis(350)).await;
    let server = open(&disk);
    let broker = server.connect();
    let mut subscription = broker.consume("main", 1).await.unwrap();
    let delivery = take(&mut subscription, 1).await.remove(0);
    assert_eq!(body(&delivery.message), "1");
    let reason = delivery
        .message
        .properties
        .headers
        .get("x-first-death-reason");
    assert_eq!(reason.and_then(|r| r.as_str()), Some("expired"));
    assert_eq!(server.count("retry"), Some(0));
}

#[tokio::test]
async fn a_move_between_queues_is_never_half_done() {
    let disk = Disk::default();
    let server = open(&disk);
    publish(&server.connect(), "retry", &["1", "2", "3"]).await;
    let mut images = vec![disk.after_kill()];
    while server.count("main") != Some(3) {
        images.push(disk.after_kill());
        // sleep: between two copies of the disk
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for image in images {
        let server = open(&image);
        assert_eq!(server.recovery().messages, 3);
        eventually(|| ready(&server, "main") == ["1", "2", "3"]).await;
        assert_eq!(server.count("retry"), Some(0));
    }
}

#[tokio::test]
async fn an_abandoned_stage_still_hands_back_and_changed_arguments_are_taken_over() {
    let disk = Disk::default();
    let server = open(&disk);
    publish(&server.connect(), "retry", &["1"]).await;
    server.shut_down().await;
    let small = [
        ("x-max-length-bytes", Argument::Int(1)),
        ("x-overflow", text("reject-publish")),
    ];
    let other = topology(vec![queue("main", Role::Main, &small)]);
    let server = try_open(&disk, other, MEMORY).unwrap();
    assert_eq!(server.recovery().abandoned, ["retry"]);
    eventually(|| server.count("main") == Some(1)).await;
    let broker = server.connect();
    assert_eq!(
        broker.publish(message("main", "2")).await,
        Err(PublishError::Refused)
    );
}

#[tokio::test]
async fn what_is_purged_or_deleted_stays_away() {
    let disk = Disk::default();
    let server = open(&disk);
    let broker = server.connect();
    publish(&broker, "main", &["1", "2"]).await;
    publish(&broker, "retry", &["3"]).await;
    assert_eq!(server.purge("main"), Some(2));
    assert!(server.delete_queue("retry"));
    server.flushed().await;
    let server = open(&disk.after_kill());
    assert_eq!(server.recovery().messages, 0);
    assert_eq!(server.queues(), ["main", "retry"]);
}
