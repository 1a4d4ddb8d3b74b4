//! What interactions leave in the graph.

use fanout_contract::{Outcome, Processor, SkipReason};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::events::{at, batch, builder, event, unique, viewed};
use crate::support::graph::Edge;
use crate::support::{Probe, Server, ready};

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn an_interaction_becomes_a_relationship_with_count_and_times() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());

    let events = [
        viewed(&format!("a{n}"), n, n + 1, 5),
        viewed(&format!("b{n}"), n, n + 1, 3),
    ];
    let outcomes = processor.process(&batch(events)).await.unwrap().into_vec();

    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Applied(_)))
    );
    let edge = Edge {
        count: 2,
        first_at: at(3),
        last_at: at(5),
        last_session: Some("s5".into()),
    };
    assert_eq!(probe.edge("VIEWED", n, n + 1).await, Some(edge));
}

/// In one batch, and in batches of one: the order of arrival does not show.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn events_out_of_order_leave_the_extremes_and_the_latest_session() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());

    let event = |product: i64, (i, second): (usize, &i64)| {
        let payload =
            json!({"userId": n, "productId": product, "session": format!("s{second}-{}", i % 3)});
        event(
            &format!("e{product}-{i}"),
            "product.viewed",
            *second,
            &payload,
        )
    };
    let seconds = [5, 9, 1, 9, 3, 9, -86_400, 4];
    let together = seconds.iter().enumerate().map(|e| event(n + 1, e));
    processor.process(&batch(together)).await.unwrap();
    for e in seconds.iter().enumerate().rev() {
        processor.process(&batch([event(n + 2, e)])).await.unwrap();
    }

    // second 9 came with sessions of 1, 0 and 2: the greatest counts as the latest
    let edge = Edge {
        count: 8,
        first_at: at(-86_400),
        last_at: at(9),
        last_session: Some("s9-2".into()),
    };
    assert_eq!(probe.edge("VIEWED", n, n + 1).await.as_ref(), Some(&edge));
    assert_eq!(probe.edge("VIEWED", n, n + 2).await, Some(edge));
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn all_spellings_of_the_kinds_and_payloads_are_taken() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());

    let kinds = [
        ("VIEWED", ["product.viewed", "view"]),
        ("CARTED", ["product.carted", "cart"]),
        ("UNCARTED", ["product.uncarted", "remove_from_cart"]),
        ("PURCHASED", ["product.purchased", "purchase"]),
    ];
    let mut events = Vec::new();
    for [long, short] in kinds.map(|(_, kinds)| kinds) {
        let envelope = json!({"userId": n, "productId": "p", "session": "s"});
        let bare = json!({
            "user_id": n, "product_id": "p", "event_type": short, "user_session": "s",
            "event_time": "2026-01-01T00:00:00Z", "price": 1.5, "category_id": 7,
            "category_code": "a.b", "brand": null,
        });
        events.push(event(&format!("{long}{n}"), long, 0, &envelope));
        events.push(event(&format!("{short}{n}"), short, 1, &bare));
    }
    processor.process(&batch(events)).await.unwrap();

    for (relationship, _) in kinds {
        let edge = probe.edge(relationship, n, "p").await.unwrap();
        assert_eq!(
            (edge.count, edge.first_at, edge.last_at),
            (2, at(0), at(1)),
            "{relationship}"
        );
    }
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn ids_keep_their_type() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());

    let events = [
        viewed(&format!("a{n}"), n, n, 0),
        viewed(&format!("b{n}"), n.to_string(), n, 0),
        viewed(&format!("c{n}"), n, n.to_string(), 0),
        viewed(&format!("d{n}"), i64::MIN, n, 0),
        viewed(&format!("e{n}"), i64::MAX, n, 0),
        viewed(&format!("f{n}"), "user-🦀", n, 0),
    ];
    processor.process(&batch(events)).await.unwrap();

    let text = n.to_string();
    let users: [Value; 4] = [
        n.into(),
        text.clone().into(),
        i64::MIN.into(),
        i64::MAX.into(),
    ];
    for user in users {
        assert_eq!(
            probe.edge("VIEWED", user.clone(), n).await.unwrap().count,
            1,
            "{user}"
        );
    }
    assert_eq!(probe.edge("VIEWED", n, text).await.unwrap().count, 1);
    assert_eq!(probe.edge("VIEWED", "user-🦀", n).await.unwrap().count, 1);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn bad_events_fail_alone_and_kinds_of_others_are_skipped() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());

    let with_user = |user: Value| json!({"userId": user, "productId": n});
    let events = [
        viewed(&format!("a{n}"), n, n, 0),
        event(&format!("b{n}"), "view", 0, &with_user(json!(1.0))),
        event(&format!("c{n}"), "view", 0, &with_user(json!(u64::MAX))),
        event(
            &format!("d{n}"),
            "view",
            0,
            &with_user("x".repeat(5000).into()),
        ),
        event(&format!("e{n}"), "view", 0, &with_user(json!(true))),
        event(&format!("f{n}"), "order.placed", 0, &json!({})),
        viewed(&format!("g{n}"), n, n, 1),
    ];
    let outcomes = processor.process(&batch(events)).await.unwrap().into_vec();

    let codes: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Applied(_) => "applied",
            Outcome::Skipped(reason) => reason.as_str(),
            Outcome::Failed(failure) => failure.code().as_str(),
        })
        .collect();
    let want = [
        "applied",
        "neo4j-id-unsupported",
        "neo4j-id-out-of-range",
        "neo4j-id-too-long",
        "payload-invalid",
        SkipReason::NotMine.as_str(),
        "applied",
    ];
    assert_eq!(codes, want);
    assert_eq!(probe.edge("VIEWED", n, n).await.unwrap().count, 2);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_time_beyond_tomorrow_counts_as_tomorrow_and_a_missing_one_as_now() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());

    let payload = json!({"userId": n, "productId": n});
    let before = Timestamp::now();
    let far = builder(&format!("a{n}"), "view", &payload)
        .occurred_at(Timestamp::MAX)
        .build();
    let unknown = builder(&format!("b{n}"), "view", &payload).build();
    processor.process(&batch([far, unknown])).await.unwrap();

    let edge = probe.edge("VIEWED", n, n).await.unwrap();
    let day = jiff::SignedDuration::from_hours(24);
    let now = before..=Timestamp::now();
    assert!(now.contains(&edge.first_at), "{edge:?}");
    assert!(now.contains(&(edge.last_at - day)), "{edge:?}");
}
