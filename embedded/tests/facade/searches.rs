//! The nearest points.

use qdrant_client::qdrant::{
    Condition, Filter, QueryPointsBuilder, ScoredPoint, SearchPointsBuilder, VectorInput,
};

use crate::support::{Stored, number, point, upsert, with_collection};

async fn filled() -> Stored {
    let store = with_collection("c").await;
    let points = vec![
        point(1, vec![1.0, 0.0, 0.0], [("user", "a".into())]),
        point(2, vec![1.0, 0.2, 0.0], [("user", "b".into())]),
        point(3, vec![1.0, 1.0, 0.0], [("user", "a".into())]),
        point(4, vec![-1.0, 0.0, 0.0], [("user", "a".into())]),
    ];
    upsert(&store.client, "c", points).await;
    store
}

fn ids(points: Vec<ScoredPoint>) -> Vec<u64> {
    points.into_iter().map(|p| number(p.id.unwrap())).collect()
}

#[tokio::test]
async fn the_nearest_come_first_with_their_cosine() {
    let store = filled().await;
    let query = QueryPointsBuilder::new("c")
        .query(vec![2.0, 0.0, 0.0])
        .limit(3);
    let found = store.client.query(query).await.unwrap().result;
    assert!((found[0].score - 1.0).abs() < 1e-6);
    assert!((found[2].score - 0.5_f32.sqrt()).abs() < 1e-6);
    assert_eq!(ids(found), [1, 2, 3]);
}

#[tokio::test]
async fn a_search_passes_by_what_the_filter_does_not_let_through() {
    let store = filled().await;
    let filter = Filter::must([Condition::matches("user", "a".to_owned())]);
    let query = QueryPointsBuilder::new("c")
        .query(vec![1.0, 0.0, 0.0])
        .filter(filter.clone());
    assert_eq!(
        ids(store.client.query(query).await.unwrap().result),
        [1, 3, 4]
    );
    let search = SearchPointsBuilder::new("c", vec![1.0, 0.0, 0.0], 2).filter(filter);
    assert_eq!(
        ids(store.client.search_points(search).await.unwrap().result),
        [1, 3]
    );
}

#[tokio::test]
async fn the_nearest_to_a_point_are_others() {
    let store = filled().await;
    let query = QueryPointsBuilder::new("c")
        .query(VectorInput::new_id(1_u64))
        .limit(2);
    assert_eq!(ids(store.client.query(query).await.unwrap().result), [2, 3]);
}

#[tokio::test]
async fn a_threshold_and_an_offset_cut_the_answer() {
    let store = filled().await;
    let query = QueryPointsBuilder::new("c")
        .query(vec![1.0, 0.0, 0.0])
        .score_threshold(0.5)
        .offset(1)
        .with_payload(true);
    let found = store.client.query(query).await.unwrap().result;
    assert_eq!(found[0].payload["user"], "b".into());
    assert_eq!(ids(found), [2, 3]);
}

#[tokio::test]
async fn a_point_without_vector_is_near_to_nothing() {
    use qdrant_client::qdrant::{NamedVectors, Vectors, vectors::VectorsOptions};
    let store = filled().await;
    let none = Vectors {
        vectors_options: Some(VectorsOptions::Vectors(NamedVectors::default())),
    };
    upsert(&store.client, "c", vec![point(9, none, [])]).await;
    let query = QueryPointsBuilder::new("c")
        .query(vec![1.0, 0.0, 0.0])
        .limit(10);
    assert_eq!(
        ids(store.client.query(query).await.unwrap().result),
        [1, 2, 3, 4]
    );
}
