//! Products, interactions, and the end of users.

use fanout_contract::{Outcome, Processor, SkipReason};
use fanout_qdrant::store::QdrantStore;
use fanout_qdrant::{Collection, QdrantConfig};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::events::{at, batch, builder, deleted, event, upserted, user_deleted, viewed};
use crate::support::{Server, ready};

const X: [f32; 4] = [1.0, 0.0, 0.0, 0.0];
const Y: [f32; 4] = [0.0, 1.0, 0.0, 0.0];

/// Payload of the product without what is ours, and its vector.
async fn product(store: &QdrantStore, id: &str) -> (Value, Option<Vec<f32>>) {
    let point = store.point(Collection::Products, &id.into()).await.unwrap();
    let point = point.expect("the product is there");
    let mut payload = point.json();
    for ours in ["_version", "_vector", "_event"] {
        assert!(payload.as_object_mut().unwrap().remove(ours).is_some());
    }
    (payload, point.vector().map(<[f32]>::to_vec))
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn an_interaction_is_one_point_with_the_payload_that_is_documented() {
    let config = Server::shared().await.config();
    let (processor, store) = (
        ready(config.clone()).await,
        QdrantStore::new(&config).unwrap(),
    );

    let purchase = event(
        "e1",
        "product.purchased",
        7,
        &json!({"userId": 1, "productId": "p", "price": 3}),
    );
    let again = batch([purchase.clone(), purchase.clone()]);
    for _ in 0..2 {
        processor.process(&again).await.unwrap();
    }

    assert_eq!(store.size(Collection::Interactions).await.unwrap(), 1);
    let point = store
        .point(Collection::Interactions, &"e1".into())
        .await
        .unwrap()
        .unwrap();
    let want = json!({
        "event_id": "e1", "user_id": 1, "user_key": "1", "product_id": "p",
        "product_key": "\"p\"", "kind": "product.purchased", "weight": 5.0,
        "occurred_at": "2026-01-01T00:00:07.000000Z",
    });
    assert_eq!((point.json(), point.vector()), (want, None));
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn an_event_without_a_time_keeps_the_time_of_its_first_arrival() {
    let config = Server::shared().await.config();
    let (processor, store) = (
        ready(config.clone()).await,
        QdrantStore::new(&config).unwrap(),
    );
    let payload = json!({"userId": 1, "productId": 2});
    let untimed = builder("e", "view", &payload).build();

    let mut seen = Vec::new();
    for _ in 0..2 {
        processor.process(&batch([untimed.clone()])).await.unwrap();
        let point = store
            .point(Collection::Interactions, &"e".into())
            .await
            .unwrap();
        seen.push(point.unwrap().text("occurred_at").unwrap().to_owned());
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_product_is_overwritten_by_a_newer_version_only() {
    let config = Server::shared().await.config();
    let (processor, store) = (
        ready(config.clone()).await,
        QdrantStore::new(&config).unwrap(),
    );

    processor
        .process(&batch([upserted("first", "p", 0, &X)]))
        .await
        .unwrap();
    let tags = json!({"productId": "p", "tags": ["a", "b"], "vector": [0, 2, 0, 0]});
    processor
        .process(&batch([event("new", "product.upserted", 2, &tags)]))
        .await
        .unwrap();
    let late = processor
        .process(&batch([upserted("old", "p", 1, &X)]))
        .await
        .unwrap();

    assert!(matches!(
        late.into_vec()[0],
        Outcome::Skipped(SkipReason::OlderVersion)
    ));
    // replaced as a whole, and at length one
    let want = json!({"product_id": "p", "tags": ["a", "b"]});
    assert_eq!(product(&store, "p").await, (want, Some(Y.to_vec())));
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_given_version_outranks_time() {
    let config = Server::shared().await.config();
    let (processor, store) = (
        ready(config.clone()).await,
        QdrantStore::new(&config).unwrap(),
    );
    let version = |version: u64, second: i64| {
        let payload = json!({"productId": "p", "name": format!("v{version}"), "vector": X});
        builder(&format!("v{version}"), "product.upserted", &payload)
            .occurred_at(at(second))
            .subject_version(version)
            .build()
    };
    for event in [
        version(10, 0),
        version(9, 100),
        upserted("timed", "p", 200, &X),
    ] {
        processor.process(&batch([event])).await.unwrap();
    }
    assert_eq!(product(&store, "p").await.0["name"], "v10");
}

/// Every order of an upsert, a later delete and a still later upsert ends alike.
#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn upserts_and_deletes_end_alike_in_every_order() {
    let config = Server::shared().await.config();
    let (processor, store) = (
        ready(config.clone()).await,
        QdrantStore::new(&config).unwrap(),
    );
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for (n, order) in orders.into_iter().enumerate() {
        for together in [true, false] {
            let id = format!("p{n}{together}");
            let events = [
                upserted(&format!("a{id}"), id.as_str(), 1, &X),
                deleted(&format!("b{id}"), id.as_str(), 2),
                upserted(&format!("c{id}"), id.as_str(), 3, &Y),
            ];
            let events = order.map(|i: usize| events[i].clone());
            if together {
                processor.process(&batch(events)).await.unwrap();
            } else {
                for event in events {
                    processor.process(&batch([event])).await.unwrap();
                }
            }
            let want = json!({"product_id": id, "name": format!("c{id}")});
            let found = product(&store, &id).await;
            assert_eq!(found, (want, Some(Y.to_vec())), "{order:?} {together}");
        }
    }
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_deleted_product_keeps_only_its_id_and_is_not_raised_by_what_comes_late() {
    let config = Server::shared().await.config();
    let (processor, store) = (
        ready(config.clone()).await,
        QdrantStore::new(&config).unwrap(),
    );
    for event in [
        upserted("a", "p", 1, &X),
        deleted("d", "p", 3),
        upserted("b", "p", 2, &Y),
    ] {
        processor.process(&batch([event])).await.unwrap();
    }
    let want = json!({"product_id": "p", "deleted": true});
    assert_eq!(product(&store, "p").await, (want, None));
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn one_bad_vector_is_its_own_failure() {
    let config = Server::shared().await.config();
    let (processor, store) = (
        ready(config.clone()).await,
        QdrantStore::new(&config).unwrap(),
    );
    let outcomes = processor
        .process(&batch([
            upserted("a", "good", 1, &X),
            upserted("b", "short", 1, &[1.0; 3]),
            upserted("c", "zero", 1, &[0.0; 4]),
            event(
                "d",
                "product.upserted",
                1,
                &json!({"productId": "huge", "vector": [1e39, 0, 0, 0]}),
            ),
            event(
                "e",
                "product.upserted",
                1,
                &json!({"productId": 1.5, "vector": X}),
            ),
            // the newest of a product is bad, so that an older one counts
            upserted("f", "mixed", 1, &Y),
            upserted("g", "mixed", 2, &[1.0; 5]),
            viewed("h", "u", "good", 1),
        ]))
        .await
        .unwrap()
        .into_vec();
    let code = |slot: usize| match &outcomes[slot] {
        Outcome::Failed(failure) => failure.code().as_str(),
        Outcome::Applied(_) => "applied",
        Outcome::Skipped(_) => "skipped",
    };
    let codes: Vec<_> = (0..outcomes.len()).map(code).collect();
    assert_eq!(
        codes,
        [
            "applied",
            "qdrant-dimension",
            "qdrant-vector-invalid",
            "qdrant-vector-invalid",
            "qdrant-id-unsupported",
            "applied",
            "qdrant-dimension",
            "applied",
        ]
    );
    assert_eq!(store.size(Collection::Products).await.unwrap(), 2);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_product_without_a_vector_gets_one_from_its_text_or_is_refused() {
    let config = Server::shared().await.config();
    let store = QdrantStore::new(&config).unwrap();
    let shoe = |id: &str| {
        event(
            id,
            "product.upserted",
            1,
            &json!({"productId": id, "name": "red shoe"}),
        )
    };

    ready(config.clone())
        .await
        .process(&batch([shoe("a")]))
        .await
        .unwrap();
    assert!(product(&store, "a").await.1.is_some());

    let strict = QdrantConfig {
        derive_vectors: false,
        ..config
    };
    let outcomes = ready(strict)
        .await
        .process(&batch([shoe("b")]))
        .await
        .unwrap();
    let Outcome::Failed(failure) = &outcomes.into_vec()[0] else {
        panic!("it was taken")
    };
    assert_eq!(failure.code().as_str(), "qdrant-vector-missing");
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_deleted_user_is_erased_for_good() {
    let config = Server::shared().await.config();
    let (processor, store) = (
        ready(config.clone()).await,
        QdrantStore::new(&config).unwrap(),
    );
    processor
        .process(&batch([
            upserted("p", "p", 0, &X),
            viewed("a", "gone", "p", 1),
            viewed("o", "other", "p", 1),
        ]))
        .await
        .unwrap();
    assert_eq!(store.size(Collection::Profiles).await.unwrap(), 2);

    let together = [
        viewed("b", "gone", "p", 2),
        user_deleted("d", "gone", 5),
        viewed("c", "gone", "p", 3),
    ];
    processor.process(&batch(together)).await.unwrap();
    let late = [viewed("e", "gone", "p", 9), viewed("f", "other", "p", 2)];
    let outcomes = processor.process(&batch(late)).await.unwrap().into_vec();

    assert!(matches!(
        outcomes[0],
        Outcome::Skipped(SkipReason::OlderVersion)
    ));
    assert!(matches!(outcomes[1], Outcome::Applied(_)));
    assert_eq!(store.size(Collection::Interactions).await.unwrap(), 2);
    assert_eq!(store.size(Collection::Profiles).await.unwrap(), 1);
    let tombstone = store
        .point(Collection::Tombstones, &"gone".into())
        .await
        .unwrap();
    let want = json!({"user_id": "gone", "deleted": true});
    assert_eq!(tombstone.unwrap().json(), want);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn ids_keep_their_json_type() {
    let config = Server::shared().await.config();
    let (processor, store) = (
        ready(config.clone()).await,
        QdrantStore::new(&config).unwrap(),
    );
    processor
        .process(&batch([
            upserted("p", 1, 0, &X),
            upserted("q", "1", 0, &Y),
            viewed("a", 7, 1, 1),
            viewed("b", "7", "1", 1),
        ]))
        .await
        .unwrap();
    let vector = async |user: fanout_qdrant::Id| {
        let point = store
            .point(Collection::Profiles, &user)
            .await
            .unwrap()
            .unwrap();
        point.vector().unwrap().to_vec()
    };
    assert_eq!(vector(7.into()).await, X);
    assert_eq!(vector("7".into()).await, Y);
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn of_versions_that_several_processes_write_at_once_the_newest_stands() {
    let config = Server::shared().await.config();
    let store = QdrantStore::new(&config).unwrap();
    let processors = join_all((0..4).map(|_| ready(config.clone()))).await;
    for round in 0..10 {
        let id = format!("p{round}");
        let writer = |writer: i64| {
            let (processor, id) = (&processors[usize::try_from(writer).unwrap()], &id);
            async move {
                for step in 0..5 {
                    // each writer has its newest version at another step
                    let version = (step + writer) % 5 * 4 + writer;
                    let event = upserted(&format!("{id}-{version}"), id.as_str(), version, &X);
                    let event = batch([event]);
                    for _ in 0..50 {
                        let outcomes = processor.process(&event).await.unwrap().into_vec();
                        if !matches!(outcomes[0], Outcome::Failed(_)) {
                            break;
                        }
                    }
                }
            }
        };
        join_all((0..4).map(writer)).await;
        assert_eq!(product(&store, &id).await.0["name"], format!("{id}-19"));
    }
}
