//! Broker or database away: rows wait, then go on.

use super::rig::{Rig, SOON, row};
use crate::support::eventually;
use crate::support::postgres::Postgres;
use crate::support::rabbitmq::RabbitMq;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn while_the_broker_is_away_rows_wait_and_then_go_on_in_order() {
    let rabbit = RabbitMq::shared().await;
    let vhost = rabbit.vhost("broker_away").await;
    let proxy = rabbit.proxy().await;
    let database = Postgres::shared().await.database("broker_away").await;
    let (outbox, url) = (database.url(), vhost.url_at(proxy.port()));
    let rig = Rig::with(database, vhost, &outbox, url.expose()).await;
    let relay = rig.relay();
    rig.insert("order-1", 1).await;
    rig.all_marked().await;
    proxy.cut().await;
    for n in 2..=30 {
        rig.insert("order-1", n).await;
    }
    assert_eq!(rig.waiting().await, 29);
    assert_eq!(rig.ready().await, 1);
    proxy.pass().await;
    rig.ready_is(30).await;
    assert_eq!(relay.stop().await["published"], 30);
    assert_eq!(
        rig.by_aggregate().await["order-1"],
        (1..=30).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_full_queue_sets_nothing_aside_and_what_it_refused_follows_in_order() {
    let rig = Rig::new("full").await;
    let limits = serde_json::json!({
        "pattern": "^events\\.neo4j$", "apply-to": "queues",
        "definition": {"max-length": 5, "overflow": "reject-publish"},
    });
    let (management, path) = (rig.vhost.management(), rig.vhost.path("policies", "full"));
    management.put(&path, &limits).await;
    let relay = rig.relay();
    for n in 1..=40 {
        rig.insert("order-1", n).await;
    }
    eventually("the queue is full", SOON, async || {
        (rig.ready().await >= 5).then_some(())
    })
    .await;
    management.delete(&path).await;
    rig.all_marked().await;
    let (_, lines) = relay.stop_and_tell().await;
    lines.told("outbox relay starts");
    lines.told("the outbox is connected");
    let wait = lines.told("rows of the outbox wait");
    assert_eq!(wait.fields["exchange"], "events");
    lines.told("the broker takes rows of the outbox again");
    assert_eq!(lines.told("outbox relay ended").number("published"), 40.0);
    let refused = "SELECT count(*) FROM fanout_outbox WHERE refused_at IS NOT NULL";
    assert_eq!(rig.database.number(refused).await, 0);
    let mut numbers = rig.by_aggregate().await["order-1"].clone();
    // A quorum queue may keep what it refuses, and the repetition is refused again.
    numbers.dedup();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_database_that_crashes_and_comes_back_is_gone_on_with() {
    let server = Postgres::own().await;
    let vhost = RabbitMq::shared().await.vhost("restarted").await;
    let proxy = server.proxy().await;
    let database = server.database("restarted").await;
    let (outbox, url) = (database.url_at(proxy.port()), vhost.url());
    let mut rig = Rig::with(database, vhost, &outbox, url.expose()).await;
    let relay = rig.relay();
    rig.insert("order-1", 1).await;
    rig.ready_is(1).await;
    let port = server.crash().await;
    proxy.retarget(port);
    rig.database = rig.database.at(port).await;
    rig.database.run(&row("order-1", 2)).await;
    rig.all_marked().await;
    let (_, lines) = relay.stop_and_tell().await;
    let away = lines.told("the outbox is away; still trying");
    assert_eq!(away.fields["code"], "outbox-not-connected");
    let back = lines.of("the outbox is connected").pop().unwrap();
    assert!(
        back.number("seconds") > 0.0,
        "how long it was away: {back:?}"
    );
    // Marks need not survive a crash of the server: the first row may have come again.
    let mut numbers = rig.by_aggregate().await["order-1"].clone();
    numbers.dedup();
    assert_eq!(numbers, [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn with_until_empty_a_broker_that_stays_away_ends_the_run_with_5() {
    let rabbit = RabbitMq::shared().await;
    let vhost = rabbit.vhost("stuck").await;
    let proxy = rabbit.proxy().await;
    let database = Postgres::shared().await.database("stuck").await;
    let (outbox, url) = (database.url(), vhost.url_at(proxy.port()));
    let rig = Rig::with(database, vhost, &outbox, url.expose()).await;
    rig.insert("order-1", 1).await;
    proxy.cut().await;
    let relay = rig.relay_with(&["--until-empty", "--stuck-after", "500ms"]);
    assert_eq!(relay.ended(5).await["published"], 0);
    assert_eq!(rig.waiting().await, 1);
}
