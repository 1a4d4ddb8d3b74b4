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

/// Labels and properties of a product, without its version.
async fn product(probe: &Probe, id: i64) -> Value {
    let cypher = format!(
        "MATCH (p:Product {{id: {id}}}) RETURN labels(p) AS labels, p{{.*, _version: null}} AS p"
    );
    let row = &probe.rows(&cypher).await[0];
    let mut properties: Value = row.get("p").unwrap();
    properties.as_object_mut().unwrap().remove("_version");
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
