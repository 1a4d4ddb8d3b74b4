//! Products and the end of users: newer wins, whatever comes late.

use fanout_contract::{Event, Outcome, SkipReason};
use fanout_embedded::graph::Kind;
use fanout_neo4j::Value;
use serde_json::json;

use crate::support::{Graph, event, graph, viewed};

fn upserted(id: &str, second: i64, name: &str) -> Event {
    let payload = json!({
        "productId": 9, "name": name, "price": 0.1, "stock": 3, "tags": ["a", "b"], "new": true,
        "vector": [0.5],
    });
    event(id, "product.upserted", second, &payload)
}

fn names(graph: &Graph) -> (bool, Vec<String>) {
    let product = graph.graph.product(&9.into()).unwrap().unwrap();
    (product.deleted, product.properties.into_keys().collect())
}

#[tokio::test]
async fn a_product_keeps_its_properties_and_their_types() {
    let graph = graph().await;
    graph.apply([viewed("v", 1, 9, 0)]).await;
    let product = || graph.graph.product(&9.into()).unwrap().unwrap();
    assert_eq!((product().version, product().name()), (None, None));
    graph.apply([upserted("a", 1, "first")]).await;
    let product = product();
    assert_eq!(product.name(), Some("first"));
    let value = |name: &str| product.properties[name].clone();
    assert_eq!(value("price"), Value::Float(0.1));
    assert_eq!(value("stock"), Value::Int(3));
    assert_eq!(value("new"), Value::Bool(true));
    assert_eq!(value("tags"), Value::List(vec!["a".into(), "b".into()]));
    assert!(!product.properties.contains_key("vector"));
}

#[tokio::test]
async fn a_product_is_overwritten_by_a_newer_version_only() {
    let graph = graph().await;
    graph.apply([upserted("new", 2, "new")]).await;
    let outcomes = graph.apply([upserted("old", 1, "old")]).await;
    assert!(matches!(
        outcomes[0],
        Outcome::Skipped(SkipReason::OlderVersion)
    ));
    let product = graph.graph.product(&9.into()).unwrap().unwrap();
    assert_eq!(product.name(), Some("new"));
}

#[tokio::test]
async fn a_deleted_product_keeps_nothing_but_its_relationships() {
    let graph = graph().await;
    graph
        .apply([upserted("a", 1, "a"), viewed("v", 1, 9, 1)])
        .await;
    let delete = event("d", "product.deleted", 3, &json!({"productId": 9}));
    graph.apply([delete]).await;
    graph.apply([upserted("late", 2, "late")]).await;
    assert_eq!(names(&graph), (true, vec![]));
    assert_eq!(graph.relation(Kind::Viewed, 1, 9).unwrap().count, 1);
    graph.apply([upserted("again", 4, "again")]).await;
    assert!(!names(&graph).0);
}

#[tokio::test]
async fn a_deleted_user_is_erased_and_stays_so() {
    let graph = graph().await;
    graph
        .apply([viewed("a", 1, 9, 1), viewed("b", 2, 9, 1)])
        .await;
    let delete = event("d", "user.deleted", 2, &json!({"userId": 1}));
    graph.apply([delete]).await;
    let outcomes = graph
        .apply([viewed("c", 1, 9, 3), viewed("e", 2, 9, 3)])
        .await;
    assert!(matches!(
        outcomes[0],
        Outcome::Skipped(SkipReason::OlderVersion)
    ));
    assert!(matches!(outcomes[1], Outcome::Applied(_)));
    assert_eq!(graph.relation(Kind::Viewed, 1, 9), None);
    assert_eq!(graph.relation(Kind::Viewed, 2, 9).unwrap().count, 2);
    assert_eq!(graph.graph.counts().unwrap().users, 2);
}

fn said(id: &str, second: i64, says: &[(&str, serde_json::Value)]) -> Event {
    let mut payload = json!({"user_id": 1, "product_id": 9});
    for (name, value) in says {
        payload[*name] = value.clone();
    }
    event(id, "view", second, &payload)
}

fn properties(graph: &Graph) -> std::collections::BTreeMap<String, Value> {
    graph.graph.product(&9.into()).unwrap().unwrap().properties
}

#[tokio::test]
async fn what_interactions_say_of_a_product_stands_until_the_catalogue_speaks() {
    let graph = graph().await;
    graph
        .apply([
            said("a", 5, &[("price", json!(2.5)), ("brand", json!("old"))]),
            said(
                "b",
                9,
                &[("brand", json!("new")), ("category_id", json!(7))],
            ),
            viewed("c", 1, 9, 10),
        ])
        .await;
    graph
        .apply([said("d", 7, &[("brand", json!("late"))])])
        .await;
    let now = properties(&graph);
    let want = [
        ("brand", Value::from("new")),
        ("category_id", Value::Int(7)),
        ("price", Value::Float(2.5)),
    ];
    assert_eq!(
        now,
        want.map(|(name, value)| (name.to_owned(), value)).into()
    );

    graph.apply([upserted("u", 1, "catalogue")]).await;
    graph
        .apply([said("e", 20, &[("brand", json!("later"))])])
        .await;
    assert_eq!(
        names(&graph),
        (
            false,
            ["name", "new", "price", "stock", "tags"]
                .map(str::to_owned)
                .into()
        )
    );
    assert_eq!(properties(&graph)["price"], Value::Float(0.1));
}

/// In whatever order and batches, with repeats, and wherever the catalogue comes in.
#[tokio::test]
async fn what_is_said_of_a_product_ends_alike_in_every_order() {
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut events: Vec<Event> = (0..random.usize(2..12))
            .map(|n| {
                let value = |random: &mut fastrand::Rng| json!(random.u8(..3));
                let mut says = vec![("brand", value(&mut random))];
                if random.bool() {
                    says.push(("price", value(&mut random)));
                }
                // few instants, so that some events share one
                said(&format!("e{n}"), random.i64(0..4), &says)
            })
            .collect();
        if random.u8(..3) == 0 {
            events.push(upserted("u", 1, "catalogue"));
        }
        let mut ends = Vec::new();
        for _ in 0..3 {
            let graph = graph().await;
            random.shuffle(&mut events);
            let again = events[random.usize(..events.len())].clone();
            let mut rest = [&events[..], &[again]].concat();
            while !rest.is_empty() {
                let batch = rest.split_off(rest.len() - random.usize(1..=rest.len()));
                graph.apply(batch).await;
            }
            ends.push(properties(&graph));
        }
        assert_eq!(ends[0], ends[1], "seed {seed}");
        assert_eq!(ends[0], ends[2], "seed {seed}");
    }
}
