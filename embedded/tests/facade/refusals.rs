//! Status codes, as the real server answers them.

use fanout_embedded::vectors::{VectorServer, VectorServerConfig};
use qdrant_client::qdrant::{
    CountPointsBuilder, CreateCollectionBuilder, Distance, Filter, PointStruct, QueryPointsBuilder,
    RecommendPointsBuilder, ScrollPointsBuilder, UpsertPointsBuilder, VectorParamsBuilder,
};
use qdrant_client::{Qdrant, QdrantError};
use tonic::Code;

use crate::support::{client, get, matching, numbered, point, upsert, with_collection};

#[track_caller]
fn code<T: std::fmt::Debug>(answer: Result<T, QdrantError>) -> Code {
    match answer {
        Err(QdrantError::ResponseError { status }) => status.code(),
        other => panic!("no status: {other:?}"),
    }
}

async fn upserted(client: &Qdrant, point: PointStruct) -> Code {
    let upsert = UpsertPointsBuilder::new("c", vec![point]).wait(true);
    code(client.upsert_points(upsert).await)
}

#[tokio::test]
async fn a_missing_collection_is_not_found() {
    let store = with_collection("c").await;
    let count = CountPointsBuilder::new("none").exact(true);
    assert_eq!(code(store.client.count(count).await), Code::NotFound);
    assert_eq!(
        code(store.client.collection_info("none").await),
        Code::NotFound
    );
    let upsert = UpsertPointsBuilder::new("none", numbered(1)).wait(true);
    assert_eq!(
        code(store.client.upsert_points(upsert).await),
        Code::NotFound
    );
}

#[tokio::test]
async fn what_does_not_fit_is_an_invalid_argument_and_changes_nothing() {
    let store = with_collection("c").await;
    upsert(&store.client, "c", numbered(1)).await;
    let cases = [
        ("dimension", point(5, vec![1.0, 0.0], [])),
        (
            "vector name",
            point(
                5,
                std::collections::HashMap::from([("x".to_owned(), vec![1.0_f32])]),
                [],
            ),
        ),
        ("id", point("no-uuid", vec![1.0, 0.0, 0.0], [])),
    ];
    for (name, bad) in cases {
        assert_eq!(
            upserted(&store.client, bad.clone()).await,
            Code::InvalidArgument,
            "{name}"
        );
        let among_good = UpsertPointsBuilder::new("c", vec![numbered(2).remove(1), bad]).wait(true);
        let answer = store.client.upsert_points(among_good).await;
        assert_eq!(code(answer), Code::InvalidArgument, "{name}");
    }
    assert_eq!(matching(&store.client, "c", Filter::default()).await, [1]);
    let query = QueryPointsBuilder::new("c").query(vec![1.0]);
    assert_eq!(code(store.client.query(query).await), Code::InvalidArgument);
    let none = ScrollPointsBuilder::new("c").limit(0);
    assert_eq!(code(store.client.scroll(none).await), Code::InvalidArgument);
}

#[tokio::test]
async fn a_collection_is_made_once_and_with_a_name_that_is_one() {
    let store = with_collection("c").await;
    let create = |name: &str, size| {
        let vectors = VectorParamsBuilder::new(size, Distance::Cosine);
        CreateCollectionBuilder::new(name).vectors_config(vectors)
    };
    let again = store.client.create_collection(create("c", 3)).await;
    assert_eq!(code(again), Code::AlreadyExists);
    for (name, size) in [("../up", 3), ("a/b", 3), ("..", 3), ("", 3), ("empty", 0)] {
        let made = store.client.create_collection(create(name, size)).await;
        assert_eq!(code(made), Code::InvalidArgument, "{name:?}");
    }
}

#[tokio::test]
async fn a_call_that_is_not_kept_is_unimplemented() {
    let store = with_collection("c").await;
    let recommend = RecommendPointsBuilder::new("c", 1);
    assert_eq!(
        code(store.client.recommend(recommend).await),
        Code::Unimplemented
    );
}

#[tokio::test]
async fn without_the_key_nothing_is_answered_but_the_health_check() {
    let folder = tempfile::tempdir().unwrap();
    let config = VectorServerConfig {
        api_key: Some("secret".into()),
        ..VectorServerConfig::new(folder.path())
    };
    assert!(!format!("{config:?}").contains("secret"));
    let server = VectorServer::start(config).await.unwrap();
    let without = client(&server.url());
    without.health_check().await.unwrap();
    assert_eq!(
        code(without.list_collections().await),
        Code::Unauthenticated
    );
    let with = |key: &str| {
        let client = Qdrant::from_url(&server.url()).api_key(key);
        client.skip_compatibility_check().build().unwrap()
    };
    assert_eq!(
        code(with("other!").list_collections().await),
        Code::Unauthenticated
    );
    with("secret").list_collections().await.unwrap();
}

#[tokio::test]
async fn a_point_that_is_not_there_is_left_out() {
    let store = with_collection("c").await;
    assert_eq!(get(&store.client, "c", 1).await, None);
}
