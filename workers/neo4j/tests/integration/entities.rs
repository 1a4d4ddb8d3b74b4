//! Products and the end of users: newer wins, whatever comes late.

use fanout_contract::{Event, Outcome, Processor, SkipReason};
use serde_json::{Value, json};

use crate::support::events::{batch, builder, event, unique, viewed};
use crate::support::{Probe, Server, ready};

fn upserted(id: &str, product: i64, second: i64, name: &str) -> Event {
    let payload = json!({"productId": product, "name": name, "price": 9.5, "vector": [0.1, 0.2]});
    event(id, "product.upserted", second, &payload)
}

fn deleted(id: &str, product: i64, second: i64) -> Event {
    event(
        id,
        "product.deleted",
        second,
        &json!({"productId": product}),
    )
}

/// A view that says something of its product.
fn said(id: &str, n: i64, second: i64, says: &Value) -> Event {
    let mut payload = json!({"user_id": n, "product_id": n});
    let says = says.as_object().unwrap().clone();
    payload.as_object_mut().unwrap().extend(says);
    event(id, "view", second, &payload)
}

/// Labels and properties of a product, without its version and marks.
async fn product(probe: &Probe, id: i64) -> Value {
    let cypher = format!(
        "MATCH (p:Product {{id: {id}}}) RETURN labels(p) AS labels, p{{.*, _version: null, _seen: null}} AS p"
    );
    let row = &probe.rows(&cypher).await[0];
    let mut properties: Value = row.get("p").unwrap();
    for ours in ["_version", "_seen"] {
        properties.as_object_mut().unwrap().remove(ours);
    }
    json!([
        row.get::<Vec<String>>("labels")
            .unwrap()
            .contains(&"Deleted".to_owned()),
        properties
    ])
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_product_is_overwritten_by_a_newer_version_only() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());

    let late = upserted(&format!("old{n}"), n, 1, "old");
    let new = event(
        &format!("new{n}"),
        "product.upserted",
        2,
        &json!({"productId": n, "name": "new", "tags": ["a", "b"]}),
    );
    processor
        .process(&batch([upserted(&format!("first{n}"), n, 0, "first"), new]))
        .await
        .unwrap();
    let outcomes = processor.process(&batch([late])).await.unwrap().into_vec();

    assert!(matches!(
        outcomes[0],
        Outcome::Skipped(SkipReason::OlderVersion)
    ));
    // replaced as a whole: the price of the first is gone
    let want = json!([false, {"id": n, "name": "new", "tags": ["a", "b"]}]);
    assert_eq!(product(&probe, n).await, want);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_given_version_outranks_time() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());

    let version = |version: u64, second: i64| {
        let payload = json!({"productId": n, "name": format!("v{version}")});
        builder(&format!("v{version}-{n}"), "product.upserted", &payload)
            .occurred_at(crate::support::events::at(second))
            .subject_version(version)
            .build()
    };
    for event in [
        version(10, 0),
        version(9, 100),
        upserted(&format!("t{n}"), n, 200, "timed"),
    ] {
        processor.process(&batch([event])).await.unwrap();
    }
    assert_eq!(
        product(&probe, n).await,
        json!([false, {"id": n, "name": "v10"}])
    );
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_deleted_product_keeps_only_its_id_and_is_not_raised_by_what_comes_late() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());

    processor
        .process(&batch([
            upserted(&format!("a{n}"), n, 1, "a"),
            viewed(&format!("v{n}"), n, n, 1),
        ]))
        .await
        .unwrap();
    processor
        .process(&batch([deleted(&format!("d{n}"), n, 3)]))
        .await
        .unwrap();
    let late = processor
        .process(&batch([upserted(&format!("b{n}"), n, 2, "b")]))
        .await
        .unwrap()
        .into_vec();

    assert!(matches!(
        late[0],
        Outcome::Skipped(SkipReason::OlderVersion)
    ));
    assert_eq!(product(&probe, n).await, json!([true, {"id": n}]));
    // what users did stays a fact
    assert_eq!(probe.edge("VIEWED", n, n).await.unwrap().count, 1);

    processor
        .process(&batch([upserted(&format!("c{n}"), n, 4, "c")]))
        .await
        .unwrap();
    assert_eq!(
        product(&probe, n).await,
        json!([false, {"id": n, "name": "c", "price": 9.5}])
    );
}

/// Every order of an upsert, a later delete and a still later upsert ends alike.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn upserts_and_deletes_end_alike_in_every_order() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let probe = Probe::new(server.port());

    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        for together in [true, false] {
            let n = unique();
            let events = [
                upserted(&format!("a{n}"), n, 1, "a"),
                deleted(&format!("b{n}"), n, 2),
                upserted(&format!("c{n}"), n, 3, "c"),
            ];
            let events = order.map(|i: usize| events[i].clone());
            if together {
                processor.process(&batch(events)).await.unwrap();
            } else {
                for event in events {
                    processor.process(&batch([event])).await.unwrap();
                }
            }
            let want = json!([false, {"id": n, "name": "c", "price": 9.5}]);
            assert_eq!(product(&probe, n).await, want, "{order:?} {together}");
        }
    }
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_deleted_user_is_erased_for_good() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let (probe, n) = (Probe::new(server.port()), unique());
    let gone = event(&format!("d{n}"), "user.deleted", 5, &json!({"userId": n}));

    let before = [
        viewed(&format!("a{n}"), n, n, 1),
        viewed(&format!("o{n}"), n + 1, n, 1),
    ];
    processor.process(&batch(before)).await.unwrap();
    let together = [
        viewed(&format!("b{n}"), n, n + 1, 2),
        gone,
        viewed(&format!("c{n}"), n, n + 2, 3),
    ];
    processor.process(&batch(together)).await.unwrap();
    let late = [
        viewed(&format!("e{n}"), n, n + 3, 9),
        viewed(&format!("p{n}"), n + 1, n, 2),
    ];
    let outcomes = processor.process(&batch(late)).await.unwrap().into_vec();

    assert!(
        matches!(outcomes[0], Outcome::Skipped(SkipReason::OlderVersion)),
        "{outcomes:?}"
    );
    assert!(matches!(outcomes[1], Outcome::Applied(_)));
    let user = format!(
        "MATCH (u:User {{id: {n}}}) WHERE u:Deleted AND properties(u) = {{id: {n}}} AND NOT (u)--() RETURN count(u) AS n"
    );
    assert_eq!(probe.number(&user).await, 1);
    assert_eq!(probe.edge("VIEWED", n + 1, n).await.unwrap().count, 2);
}

/// The newest interaction that has a property gives it, in every order, folded or one by one;
/// what the catalogue says replaces it, whichever came first.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn what_interactions_say_of_a_product_ends_alike_in_every_order() {
    let server = Server::shared().await;
    let processor = ready(server.config()).await;
    let probe = Probe::new(server.port());
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]];
    for (round, order) in orders.into_iter().enumerate() {
        for (together, catalogue) in [(true, false), (false, false), (true, true), (false, true)] {
            let n = unique();
            let mut events = vec![
                said(
                    &format!("a{n}"),
                    n,
                    1,
                    &json!({"price": 9.5, "category_id": 7, "brand": "old"}),
                ),
                said(
                    &format!("b{n}"),
                    n,
                    2,
                    &json!({"price": 10, "category_code": "a.b"}),
                ),
                said(
                    &format!("c{n}"),
                    n,
                    3,
                    &json!({"brand": "new", "category_id": "7"}),
                ),
                viewed(&format!("d{n}"), n, n, 4),
            ];
            events = order.map(|i: usize| events[i].clone()).into();
            if catalogue {
                events.insert(round, upserted(&format!("u{n}"), n, 0, "catalogue"));
            }
            let batches = if together {
                vec![events]
            } else {
                events.into_iter().map(|e| vec![e]).collect()
            };
            for events in batches {
                processor.process(&batch(events)).await.unwrap();
            }
            let want = if catalogue {
                json!({"id": n, "name": "catalogue", "price": 9.5})
            } else {
                json!({"id": n, "price": 10, "category_id": "7", "category_code": "a.b", "brand": "new"})
            };
            let found = product(&probe, n).await;
            assert_eq!(
                found,
                json!([false, want]),
                "{order:?} {together} {catalogue}"
            );
            assert_eq!(probe.edge("VIEWED", n, n).await.unwrap().count, 4);
        }
    }
}

/// Two processes at once, over the same products from both ends.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn what_two_writers_say_of_the_same_products_is_the_newest_of_both() {
    let server = Server::shared().await;
    let (one, other) = tokio::join!(ready(server.config()), ready(server.config()));
    let (probe, n) = (Probe::new(server.port()), unique());
    let write = async |processor: &fanout_neo4j::Neo4jProcessor, parity: i64| {
        for second in (0..12).filter(|second| second % 2 == parity) {
            let product = |i: i64| n + if parity == 0 { i } else { 19 - i };
            let events = (0..20).map(|i| {
                let says = json!({"price": second, "brand": format!("b{second}")});
                said(&format!("{n}-{second}-{i}"), product(i), second, &says)
            });
            let done = processor.process(&batch(events)).await.unwrap().into_vec();
            let applied = |outcome: &Outcome| matches!(outcome, Outcome::Applied(_));
            assert!(done.iter().all(applied), "{done:?}");
        }
    };
    tokio::join!(write(&one, 0), write(&other, 1));
    let newest = format!(
        "MATCH (p:Product) WHERE {n} <= p.id AND p.id < {n} + 20 AND p.price = 11 AND p.brand = 'b11' \
         AND p._lock IS NULL RETURN count(p) AS n"
    );
    assert_eq!(probe.number(&newest).await, 20);
}
