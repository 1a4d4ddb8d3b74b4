//! Upserts, with and without conditions; deletions; payloads.

use qdrant_client::Payload;
use qdrant_client::qdrant::points_update_operation::{Operation, PointStructList};
use qdrant_client::qdrant::{
    Condition, CreateCollectionBuilder, DeletePointsBuilder, Filter, NamedVectors, PointsIdsList,
    PointsUpdateOperation, SetPayloadPointsBuilder, UpdateBatchPointsBuilder, UpdateStatus,
    UpsertPointsBuilder, Value, Vectors, value::Kind, vectors::VectorsOptions,
};

use crate::support::{
    completed, dense, get, matching, numbered, point, store, upsert, with_collection,
};

fn no_vector() -> Vectors {
    Vectors {
        vectors_options: Some(VectorsOptions::Vectors(NamedVectors::default())),
    }
}

#[tokio::test]
async fn a_point_comes_back_as_it_was_written_with_its_vector_normalised() {
    let store = with_collection("c").await;
    let id = "9b2b4a0c-5a35-5c3f-8f0a-0d6b0b4b3c11";
    let list = Value {
        kind: Some(Kind::ListValue(
            vec!["a", "b"]
                .into_iter()
                .map(Value::from)
                .collect::<Vec<_>>()
                .into(),
        )),
    };
    let payload = [
        ("text", Value::from("ü")),
        ("int", Value::from(1_i64 << 60)),
        ("float", Value::from(0.1)),
        ("flag", Value::from(true)),
        (
            "null",
            Value {
                kind: Some(Kind::NullValue(0)),
            },
        ),
        ("list", list),
        ("empty", Value::from("")),
    ];
    let written = point(id, vec![3.0, 0.0, 4.0], payload);
    upsert(&store.client, "c", vec![written.clone()]).await;
    let read = get(&store.client, "c", id).await.unwrap();
    assert_eq!(read.id, written.id);
    assert_eq!(read.payload, written.payload);
    let vector = dense(&read);
    assert!((vector[0] - 0.6).abs() < 1e-6 && (vector[2] - 0.8).abs() < 1e-6);
}

#[tokio::test]
async fn an_upsert_replaces_the_whole_point() {
    let store = with_collection("c").await;
    let first = point(
        1,
        vec![1.0, 0.0, 0.0],
        [("a", 1_i64.into()), ("b", 2_i64.into())],
    );
    let second = point(1, vec![0.0, 1.0, 0.0], [("a", 3_i64.into())]);
    upsert(&store.client, "c", vec![first]).await;
    upsert(&store.client, "c", vec![second.clone()]).await;
    let read = get(&store.client, "c", 1).await.unwrap();
    assert_eq!(read.payload, second.payload);
    assert_eq!(dense(&read), [0.0, 1.0, 0.0]);
}

#[tokio::test]
async fn a_point_may_have_no_vector_in_any_collection() {
    let store = with_collection("c").await;
    let bare = CreateCollectionBuilder::new("bare");
    store.client.create_collection(bare).await.unwrap();
    for collection in ["bare", "c"] {
        let written = point(1, no_vector(), [("user", "u".into())]);
        upsert(&store.client, collection, vec![written]).await;
        let read = get(&store.client, collection, 1).await.unwrap();
        assert_eq!(read.payload["user"], "u".into());
        let filter = Filter::must([Condition::matches("user", "u".to_owned())]);
        assert_eq!(matching(&store.client, collection, filter).await, [1]);
    }
}

#[tokio::test]
async fn a_conditional_upsert_inserts_what_is_missing_and_updates_what_matches() {
    let store = with_collection("c").await;
    upsert(&store.client, "c", numbered(2)).await;
    let new = |n: u64| point(n, vec![0.0, 0.0, 1.0], [("size", 99_i64.into())]);
    let upsert = UpsertPointsBuilder::new("c", vec![new(1), new(2), new(3)])
        .update_filter(Filter::must([Condition::matches("size", vec![1_i64])]))
        .wait(true);
    completed(store.client.upsert_points(upsert).await.unwrap());
    let mut sizes = Vec::new();
    for id in 1..=3 {
        let read = get(&store.client, "c", id).await.unwrap();
        sizes.push(read.payload["size"].as_integer().unwrap());
    }
    assert_eq!(sizes, [99, 2, 99], "matched, not matched, missing");
}

#[tokio::test]
async fn points_are_deleted_by_id_and_by_filter() {
    let store = with_collection("c").await;
    upsert(&store.client, "c", numbered(9)).await;
    let ids = PointsIdsList {
        ids: vec![1.into(), 2.into(), 77.into()],
    };
    let delete = DeletePointsBuilder::new("c").points(ids).wait(true);
    completed(store.client.delete_points(delete).await.unwrap());
    let filter = Filter::must([Condition::matches("user", "u0".to_owned())]);
    let delete = DeletePointsBuilder::new("c").points(filter).wait(true);
    completed(store.client.delete_points(delete).await.unwrap());
    assert_eq!(
        matching(&store.client, "c", Filter::default()).await,
        [4, 5, 7, 8]
    );
}

#[tokio::test]
async fn a_payload_is_set_beside_what_is_there() {
    let store = with_collection("c").await;
    upsert(&store.client, "c", numbered(2)).await;
    let payload: Payload = [("size", 50_i64.into())].into_iter().fold(
        Payload::new(),
        |mut payload, (key, value): (&str, Value)| {
            payload.insert(key, value);
            payload
        },
    );
    let set = SetPayloadPointsBuilder::new("c", payload)
        .points_selector(PointsIdsList {
            ids: vec![2.into()],
        })
        .wait(true);
    completed(store.client.set_payload(set).await.unwrap());
    let read = get(&store.client, "c", 2).await.unwrap();
    assert_eq!(read.payload["size"], 50_i64.into());
    assert_eq!(read.payload["user"], "u2".into());
}

#[tokio::test]
async fn a_batch_of_changes_takes_effect_in_order() {
    let store = with_collection("c").await;
    let upsert = |size: i64| PointsUpdateOperation {
        operation: Some(Operation::Upsert(PointStructList {
            points: vec![point(1, vec![1.0, 0.0, 0.0], [("size", size.into())])],
            ..PointStructList::default()
        })),
    };
    let batch = UpdateBatchPointsBuilder::new("c", vec![upsert(1), upsert(2)]).wait(true);
    let answer = store.client.update_points_batch(batch).await.unwrap();
    let completed = i32::from(UpdateStatus::Completed);
    assert!(
        answer
            .result
            .iter()
            .all(|result| result.status == completed)
    );
    assert_eq!(answer.result.len(), 2);
    let read = get(&store.client, "c", 1).await.unwrap();
    assert_eq!(read.payload["size"], 2_i64.into());
}

#[tokio::test]
async fn who_does_not_wait_is_told_that_it_was_acknowledged() {
    let store = store().await;
    let bare = CreateCollectionBuilder::new("bare");
    store.client.create_collection(bare).await.unwrap();
    let upsert = UpsertPointsBuilder::new("bare", vec![point(1, no_vector(), [])]);
    let answer = store.client.upsert_points(upsert).await.unwrap();
    let status = answer.result.unwrap().status;
    assert_eq!(status, i32::from(UpdateStatus::Acknowledged));
}
