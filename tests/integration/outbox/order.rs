//! Rows arrive once committed, in order per aggregate.

use std::collections::BTreeSet;

use super::rig::{Rig, SOON, row};
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn committed_rows_are_published_in_order_per_aggregate_and_marked() {
    let rig = Rig::new("ordered").await;
    let rows = (1..=600).map(|n| row(&format!("order-{}", n % 7), n));
    rig.database.run(&rows.collect::<Vec<_>>().join(";")).await;
    let summary = rig.drain().await;
    assert_eq!(
        (&summary["published"], &summary["set_aside"]),
        (&600.into(), &0.into())
    );
    let arrived = rig.arrived().await;
    assert_eq!(arrived.len(), 600);
    for (aggregate, numbers) in rig.by_aggregate().await {
        assert!(numbers.is_sorted(), "{aggregate}: {numbers:?}");
    }
    let sql = "SELECT id::text FROM fanout_outbox WHERE published_at IS NOT NULL";
    let marked: BTreeSet<String> = rig.database.column(sql).await.into_iter().collect();
    let ids: BTreeSet<_> = arrived.iter().map(|one| one.id.clone()).collect();
    assert_eq!(ids, marked);
    assert_eq!(arrived[0].body["eventId"], arrived[0].id.as_str());
    assert_eq!(arrived[0].body["eventType"], "order.changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_rolled_back_transaction_publishes_nothing() {
    let rig = Rig::new("rolled_back").await;
    let session = rig.database.session().await;
    session.run("BEGIN").await;
    session.run(&row("order-1", 1)).await;
    session.run("ROLLBACK").await;
    rig.insert("order-1", 2).await;
    assert_eq!(rig.drain().await["published"], 1);
    assert_eq!(rig.by_aggregate().await["order-1"], [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_transaction_that_commits_late_with_a_lower_number_is_not_skipped() {
    let rig = Rig::new("late").await;
    let relay = rig.relay();
    let late = rig.database.session().await;
    late.run("BEGIN").await;
    late.run(&row("order-1", 1)).await;
    for n in 2..=20 {
        rig.insert("order-2", n).await;
    }
    rig.ready_is(19).await;
    late.run("COMMIT").await;
    rig.ready_is(20).await;
    assert_eq!(relay.stop().await["published"], 20);
    let positions = "SELECT position FROM fanout_outbox WHERE aggregate = 'order-1'";
    assert_eq!(rig.database.number(positions).await, 1);
    assert_eq!(rig.by_aggregate().await["order-1"], [1]);
}

/// Waits until both of two relays hold their half of the slots.
async fn shared_out(rig: &Rig) {
    let sql = "SELECT count(*) FROM (SELECT pid, count(*) FROM pg_locks \
               WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted \
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
               GROUP BY pid HAVING count(*) = 32) halves";
    eventually("the slots are shared out", SOON, async || {
        (rig.database.number(sql).await == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn two_relays_share_the_work_keep_the_order_and_publish_nothing_twice() {
    let rig = Rig::new("shared").await;
    let relays = [rig.relay(), rig.relay()];
    shared_out(&rig).await;
    let writers = (0..4).map(async |writer| {
        let session = rig.database.session().await;
        for n in 1..=50 {
            let rows = (0..10).map(|a| row(&format!("order-{writer}-{a}"), n));
            session.run(&rows.collect::<Vec<_>>().join(";")).await;
        }
    });
    futures::future::join_all(writers).await;
    rig.ready_is(2000).await;
    let [first, second] = relays;
    let published = [first.stop().await, second.stop().await].map(|s| s["published"].as_i64());
    assert_eq!(published.iter().flatten().sum::<i64>(), 2000);
    assert!(published.iter().flatten().all(|n| *n > 0), "{published:?}");
    let numbers = rig.by_aggregate().await;
    assert_eq!(numbers.len(), 40);
    for (aggregate, numbers) in numbers {
        assert_eq!(numbers, (1..=50).collect::<Vec<_>>(), "{aggregate}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn a_relay_that_joins_or_leaves_in_the_middle_disturbs_no_order() {
    let rig = Rig::new("joining").await;
    let first = rig.relay();
    let mut second = None;
    for n in 1..=60 {
        let rows = (0..20).map(|a| row(&format!("order-{a}"), n));
        rig.database.run(&rows.collect::<Vec<_>>().join(";")).await;
        match n {
            15 => second = Some(rig.relay()),
            30 => shared_out(&rig).await,
            45 => drop(second.take().unwrap().stop().await),
            _ => {}
        }
    }
    rig.ready_is(1200).await;
    first.stop().await;
    for (aggregate, numbers) in rig.by_aggregate().await {
        assert_eq!(numbers, (1..=60).collect::<Vec<_>>(), "{aggregate}");
    }
}
