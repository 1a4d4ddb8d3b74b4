//! A relay that dies loses nothing and reorders nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::rig::{Arrived, Rig, by_aggregate, row};

/// The first arrival of each id.
fn firsts(arrived: Vec<Arrived>) -> Vec<Arrived> {
    let mut seen = BTreeSet::new();
    arrived
        .into_iter()
        .filter(|one| seen.insert(one.id.clone()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn killed_between_confirm_and_mark_it_publishes_again_under_the_same_ids() {
    let rig = Rig::new("killed").await;
    for n in 1..=3 {
        rig.insert("order-1", n).await;
    }
    // Lets rows be read and none be marked.
    let lock = rig.database.session().await;
    lock.run("BEGIN; SELECT FROM fanout_outbox FOR UPDATE")
        .await;
    let relay = rig.relay();
    rig.ready_is(3).await;
    relay.crash().await;
    // The mark was on its way already: the server is to forget it, as if it had never come.
    rig.database
        .run(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
             WHERE application_name = 'fanout-outbox' AND datname = current_database()",
        )
        .await;
    lock.run("ROLLBACK").await;
    assert_eq!(rig.waiting().await, 3);

    assert_eq!(rig.drain().await["published"], 3);
    let arrived = rig.arrived().await;
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for one in &arrived {
        *times.entry(one.id.clone()).or_default() += 1;
    }
    assert_eq!(times.into_values().collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(by_aggregate(&arrived)["order-1"], [1, 2, 3, 1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn another_relay_takes_over_from_one_that_is_killed_and_each_id_comes_first_in_its_place() {
    let rig = Rig::new("takeover").await;
    let (victim, heir) = (rig.relay(), rig.relay());
    let mut victim = Some(victim);
    for n in 1..=50 {
        let rows = (0..20).map(|a| row(&format!("order-{a}"), n));
        rig.database.run(&rows.collect::<Vec<_>>().join(";")).await;
        if n == 25 {
            victim.take().unwrap().crash().await;
        }
    }
    rig.all_marked().await;
    heir.stop().await;
    let firsts = firsts(rig.arrived().await);
    assert_eq!(firsts.len(), 1000);
    for (aggregate, numbers) in by_aggregate(&firsts) {
        assert_eq!(numbers, (1..=50).collect::<Vec<_>>(), "{aggregate}");
    }
}
