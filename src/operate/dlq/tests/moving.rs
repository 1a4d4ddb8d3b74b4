use std::num::NonZeroU32;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::*;

fn of(filter: Filter) -> ReplayPlan {
    ReplayPlan {
        filter,
        ..ReplayPlan::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_goes_to_the_queue_of_origin_only_as_a_first_attempt() {
    let rig = Rig::new();
    rig.dead(3).await;
    rig.publish(dead("q", QDRANT, "panic")).await;
    let report = rig.replay(&all()).await;
    assert_eq!((report.done, report.stopped.clone()), (4, None));
    assert_eq!(
        (rig.ids(DLQ), rig.ids(NEO4J), rig.ids(QDRANT)),
        (vec![], numbered(0, 3), vec!["q".to_owned()])
    );
    let message = rig.broker.server().inspect(NEO4J).unwrap().ready.remove(0);
    assert_eq!(
        header(&message, "fanout-attempt"),
        Some(&HeaderValue::Int(1))
    );
    assert_eq!(
        header(&message, "fanout-replay"),
        Some(&report.run.as_str().into())
    );
    assert!(header(&message, "fanout-history").is_some());
    assert_eq!(report.by.iter().map(|row| row.count).sum::<u64>(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_counts_and_changes_nothing() {
    let rig = Rig::new();
    rig.dead(5).await;
    let plan = ReplayPlan {
        dry_run: true,
        ..all()
    };
    let report = rig.replay(&plan).await;
    assert_eq!((report.done, report.by[0].queue.as_str()), (5, NEO4J));
    assert_eq!(rig.depths(), [5, 0, 0]);
    assert_eq!(rig.bench.audit().last(9).unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_meant_stays_in_its_place() {
    let rig = Rig::new();
    rig.dead(10).await;
    let report = rig.replay(&of(Filter::id("4"))).await;
    assert_eq!((report.done, rig.ids(NEO4J)), (1, vec!["4".to_owned()]));
    let mut rest = numbered(0, 10);
    rest.remove(4);
    assert_eq!(rig.ids(DLQ), rest);
    let limited = ReplayPlan {
        limit: Some(2),
        ..all()
    };
    assert_eq!(rig.replay(&limited).await.done, 2);
    assert_eq!(rig.ids(DLQ), ["2", "3", "5", "6", "7", "8", "9"]);
}

#[tokio::test(start_paused = true)]
async fn thousands_are_replayed_over_several_windows() {
    let rig = Rig::new();
    for id in 0..3000 {
        let reason = if id % 3 == 0 { "panic" } else { "contention" };
        rig.publish(dead(&id.to_string(), NEO4J, reason)).await;
    }
    let filter = Filter {
        reason: vec!["panic".to_owned()],
        ..Filter::default()
    };
    let report = rig.replay(&of(filter)).await;
    assert_eq!((report.done, report.looked_at), (1000, 3000));
    assert_eq!(rig.depths(), [2000, 1000, 0]);
    let order = rig.ids(DLQ);
    assert!(order.is_sorted_by_key(|id| id.parse::<u32>().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept() {
    let rig = Rig::new();
    rig.dead(100).await;
    let plan = ReplayPlan {
        rate: NonZeroU32::new(50),
        ..all()
    };
    let start = Instant::now();
    assert_eq!(rig.replay(&plan).await.done, 100);
    let took = start.elapsed();
    assert!((1_900..2_100).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_has_no_known_origin_stays_until_it_is_redirected() {
    let rig = Rig::new();
    rig.publish(dead("a", "other.queue", "panic")).await;
    let report = rig.replay(&all()).await;
    assert_eq!((report.done, report.left["unknown-origin"]), (0, 1));
    let plan = |to: &str| ReplayPlan {
        to: Some(to.to_owned()),
        ..all()
    };
    let stop = CancellationToken::new();
    let refused = rig.bench.replay(&plan("amq.gen"), &stop, &mut ()).await;
    assert!(
        matches!(refused, Err(DlqError::NoSuchQueue(_))),
        "{refused:?}"
    );
    assert_eq!(rig.replay(&plan(QDRANT)).await.done, 1);
    assert_eq!(rig.depths(), [0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_without_a_selection_or_without_the_audit_log() {
    let rig = Rig::new();
    rig.dead(2).await;
    let stop = CancellationToken::new();
    let nothing = Filter {
        text: Some(String::new()),
        ..Filter::default()
    };
    for plan in [ReplayPlan::default(), of(nothing)] {
        let refused = rig.bench.replay(&plan, &stop, &mut ()).await;
        assert!(matches!(refused, Err(DlqError::NothingSelected)));
        let refused = rig.bench.purge(&plan, &stop, &mut ()).await;
        assert!(matches!(refused, Err(DlqError::NothingSelected)));
    }
    std::fs::create_dir(&rig.config.dlq.audit_file).unwrap();
    for purge in [false, true] {
        let refused = match purge {
            true => rig.bench.purge(&all(), &stop, &mut ()).await,
            false => rig.bench.replay(&all(), &stop, &mut ()).await,
        };
        assert!(matches!(refused, Err(DlqError::Audit(_))), "{refused:?}");
    }
    assert_eq!(rig.depths(), [2, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_change_stands_in_the_audit_log_with_who_what_and_how_it_ended() {
    let rig = Rig::new();
    rig.dead(2).await;
    let report = rig.replay(&of(Filter::id("1"))).await;
    rig.bench
        .purge(&all(), &CancellationToken::new(), &mut ())
        .await
        .unwrap();
    let log = rig.bench.audit().last(9).unwrap();
    let told: Vec<_> = log
        .iter()
        .map(|e| (e.action.as_str(), e.stage, e.count))
        .collect();
    assert_eq!(
        told,
        [
            ("replay", Stage::Started, None),
            ("replay", Stage::Ended, Some(1)),
            ("purge", Stage::Started, None),
            ("purge", Stage::Ended, Some(1)),
        ]
    );
    assert_eq!((log[0].who.as_str(), &log[0].run), ("me@here", &report.run));
    assert_eq!(log[0].what["filter"]["id"][0], "1");
    assert_eq!(log[3].what["filter"], "all");
}

#[tokio::test(start_paused = true)]
async fn a_purge_deletes_what_is_meant_and_nothing_else() {
    let rig = Rig::new();
    rig.dead(5).await;
    let stop = CancellationToken::new();
    let report = rig
        .bench
        .purge(&of(Filter::id("2")), &stop, &mut ())
        .await
        .unwrap();
    assert_eq!((report.done, rig.depths()), (1, [4, 0, 0]));
    assert_eq!(rig.ids(DLQ), ["0", "1", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_it_and_the_rest_is_where_it_was() {
    let rig = Rig::new();
    rig.dead(100).await;
    let stop = CancellationToken::new();
    let plan = ReplayPlan {
        rate: NonZeroU32::new(10),
        ..all()
    };
    let later = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        later.cancel();
    });
    let report = rig.bench.replay(&plan, &stop, &mut ()).await.unwrap();
    assert_eq!(report.stopped, Some(Stop::Asked));
    let done = usize::try_from(report.done).unwrap();
    assert!((15..=25).contains(&done), "{done}");
    assert_eq!(
        (rig.ids(NEO4J), rig.ids(DLQ)),
        (numbered(0, done), numbered(done, 100))
    );
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_full_ends_it_without_a_loss() {
    let rig = Rig::new();
    rig.dead(50).await;
    rig.broker.server().limit_bytes(NEO4J, Some(0));
    let report = rig.replay(&all()).await;
    assert!(
        matches!(report.stopped, Some(Stop::Broker(_))),
        "{report:?}"
    );
    assert_eq!(report.done, 0);
    assert_eq!(rig.ids(DLQ), numbered(0, 50));
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_on_the_way_loses_nothing() {
    let rig = Rig::new();
    rig.dead(100).await;
    let plan = ReplayPlan {
        rate: NonZeroU32::new(50),
        ..all()
    };
    let broker = rig.broker.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        broker.disconnect(Duration::from_secs(1));
    });
    let report = rig.replay(&plan).await;
    assert!(
        matches!(report.stopped, Some(Stop::Broker(_))),
        "{report:?}"
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut there = rig.ids(DLQ);
    there.extend(rig.ids(NEO4J));
    there.sort_by_key(|id| id.parse::<u32>().unwrap());
    there.dedup();
    assert_eq!(there, numbered(0, 100));
}

struct Even;

impl Applied for Even {
    fn applied<'a>(
        &'a self,
        letters: &'a [&'a DeadLetter],
    ) -> BoxFuture<'a, Result<Vec<bool>, String>> {
        let even = |l: &&DeadLetter| l.id.parse::<u32>().unwrap() % 2 == 0;
        let answer = letters.iter().map(even).collect();
        async move { Ok(answer) }.boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_applied_already_is_left_unless_forced() {
    let rig = Rig::new();
    rig.dead(250).await;
    let bench = rig.bench.clone().with_applied(Arc::new(Even));
    let stop = CancellationToken::new();
    let report = bench.replay(&all(), &stop, &mut ()).await.unwrap();
    assert_eq!((report.done, report.left["already-applied"]), (125, 125));
    assert_eq!(rig.depths(), [125, 125, 0]);
    let forced = ReplayPlan {
        force: true,
        ..all()
    };
    assert_eq!(
        bench.replay(&forced, &stop, &mut ()).await.unwrap().done,
        125
    );
    assert_eq!(rig.depths(), [0, 250, 0]);
}
