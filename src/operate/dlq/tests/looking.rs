use super::*;

fn page(offset: u64, limit: usize) -> Page {
    Page { offset, limit }
}

fn ids(listing: &Listing) -> Vec<String> {
    listing
        .letters
        .iter()
        .map(|letter| letter.id.clone())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn looking_consumes_nothing_and_keeps_the_order() {
    let rig = Rig::new();
    rig.dead(700).await;
    let before = rig.ids(DLQ);
    let groups = rig.bench.group(&Filter::default(), &mut ()).await.unwrap();
    assert_eq!((groups.ready, groups.looked_at), (700, 700));
    assert_eq!((groups.groups.len(), groups.groups[0].count), (1, 700));
    assert!(rig.ids(DLQ) == before, "{:?}", &rig.ids(DLQ)[..9]);
    let all = Filter::default();
    // All of it stands in the line of what was given back now.
    for _ in 0..2 {
        let listing = rig.list(&all, page(0, 20)).await;
        assert_eq!(ids(&listing), numbered(0, 20));
        assert!(rig.ids(DLQ) == before, "{:?}", &rig.ids(DLQ)[..9]);
    }
    rig.bench
        .show("650", &mut ())
        .await
        .unwrap()
        .give_back()
        .await
        .unwrap();
    assert!(rig.ids(DLQ) == before, "{:?}", &rig.ids(DLQ)[..9]);
}

#[tokio::test(start_paused = true)]
async fn a_page_begins_where_it_is_asked_to_and_has_no_bodies() {
    let rig = Rig::new();
    rig.dead(700).await;
    let all = Filter::default();
    let first = rig.list(&all, page(0, 20)).await;
    assert_eq!(
        (ids(&first), first.more, first.ready),
        (numbered(0, 20), true, 700)
    );
    assert!(first.looked_at < 50, "{}", first.looked_at);
    assert!(
        first
            .letters
            .iter()
            .all(|l| l.message.body.is_empty() && l.size > 0)
    );
    let last = rig.list(&all, page(690, 20)).await;
    assert_eq!((ids(&last), last.more), (numbered(690, 700), false));
}

#[tokio::test(start_paused = true)]
async fn a_filter_is_applied_before_the_page_is_counted() {
    let rig = Rig::new();
    for id in 0..20 {
        let reason = if id % 2 == 0 { "panic" } else { "contention" };
        rig.publish(dead(&id.to_string(), NEO4J, reason)).await;
    }
    let filter = Filter {
        reason: vec!["contention".to_owned()],
        ..Filter::default()
    };
    let listing = rig.list(&filter, page(1, 3)).await;
    assert_eq!(ids(&listing), ["3", "5", "7"]);
    let groups = rig.bench.group(&filter, &mut ()).await.unwrap();
    assert_eq!((groups.groups.len(), groups.groups[0].count), (1, 10));
}

#[tokio::test(start_paused = true)]
async fn one_is_shown_with_its_body_and_a_missing_one_is_told() {
    let rig = Rig::new();
    rig.dead(3).await;
    let letter = rig
        .bench
        .show("1", &mut ())
        .await
        .unwrap()
        .give_back()
        .await
        .unwrap();
    assert!(letter.message.body.starts_with(b"{\"event_id\":\"1\""));
    let missing = rig.bench.show("9", &mut ()).await.unwrap_err();
    assert!(matches!(missing, DlqError::NotFound(_)), "{missing}");
}

#[tokio::test(start_paused = true)]
async fn what_others_hold_is_not_waited_for() {
    let rig = Rig::new();
    rig.dead(5).await;
    let other = rig.broker.server().connect();
    let held = other.consume(DLQ, 2).await.unwrap();
    let groups = rig.bench.group(&Filter::default(), &mut ()).await.unwrap();
    assert_eq!(
        (groups.ready, groups.looked_at, groups.incomplete),
        (3, 3, false)
    );
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_in_the_middle_leaves_everything_in_its_place() {
    let rig = Rig::new();
    rig.dead(600).await;
    let before = rig.ids(DLQ);
    let mut walk = walk::Walk::begin(rig.broker.clone(), DLQ).await.unwrap();
    for _ in 0..500 {
        walk.next().await.unwrap().unwrap();
    }
    drop(walk);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(rig.ids(DLQ) == before, "{:?}", &rig.ids(DLQ)[..9]);
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_dead_lettered_has_its_reason_and_goes_back_with_it() {
    let rig = Rig::new();
    rig.publish(Message {
        exchange: "events".to_owned(),
        body: r#"{"event_id":"old","event_type":"view"}"#.into(),
        ..Message::default()
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(15 * 24 * 3600)).await;
    let listing = rig.list(&Filter::default(), page(0, 9)).await;
    assert_eq!(listing.letters.len(), 2);
    for letter in &listing.letters {
        assert_eq!(
            (letter.reason.as_str(), letter.by_broker),
            ("expired", true)
        );
        assert_eq!(letter.id, "old");
        assert!([NEO4J, QDRANT].contains(&letter.origin.as_deref().unwrap()));
    }
    let report = rig.replay(&all()).await;
    assert_eq!((report.done, report.by.len()), (2, 2));
    assert_eq!(rig.depths(), [0, 1, 1]);
    let message = rig.broker.server().inspect(NEO4J).unwrap().ready.remove(0);
    let Some(HeaderValue::Text(history)) = header(&message, "fanout-history") else {
        panic!("{message:?}");
    };
    assert!(
        history.contains("\"expired\"") && history.contains(NEO4J),
        "{history}"
    );
    assert_eq!(header(&message, "fanout-exchange"), Some(&"events".into()));
    assert_eq!(header(&message, "x-death"), None);
}
