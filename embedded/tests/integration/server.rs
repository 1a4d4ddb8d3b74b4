//! What tests rely on of a server in a container.

use std::time::Duration;

use crate::support::qdrant::{API_KEY, Qdrant};
use qdrant_client::Payload;
use qdrant_client::qdrant::{
    CreateCollectionBuilder, Distance, Filter, PointStruct, UpdateStatus, UpsertPointsBuilder,
    VectorParamsBuilder,
};
use tokio::time::{Instant, sleep};

fn numbered(n: u64) -> Payload {
    let mut payload = Payload::new();
    payload.insert("n", i64::try_from(n).unwrap());
    payload
}

async fn filled(server: &Qdrant, collection: &str) {
    let client = server.client().await;
    let vectors = VectorParamsBuilder::new(2, Distance::Cosine);
    let create = CreateCollectionBuilder::new(collection).vectors_config(vectors);
    client.create_collection(create).await.unwrap();
    let points: Vec<_> = (1..=100_u64)
        .map(|n| PointStruct::new(n, vec![1.0, n as f32], numbered(n)))
        .collect();
    let upsert = UpsertPointsBuilder::new(collection, points).wait(true);
    let answer = client.upsert_points(upsert).await.unwrap();
    let status = answer.result.unwrap().status;
    assert_eq!(status, i32::from(UpdateStatus::Completed));
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_shared_server_counts_and_shows_its_points() {
    let server = Qdrant::shared().await;
    filled(server, "shown").await;
    assert_eq!(server.count("shown", Filter::default()).await, Some(100));
    assert_eq!(server.count("none", Filter::default()).await, None);
    let points = server.points("shown", Filter::default()).await;
    assert_eq!(points.len(), 100);
    assert_eq!(points[0].payload["n"].as_integer(), Some(1));
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_killed_server_comes_back_with_all_that_was_acknowledged() {
    let server = Qdrant::own().await;
    filled(&server, "kept").await;
    server.container().kill().await;
    server.container().restart().await;
    let deadline = Instant::now() + Duration::from_secs(60);
    while server.client().await.health_check().await.is_err() {
        assert!(Instant::now() < deadline, "not up again within a minute");
        // sleep: between two looks; the deadline is above
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.count("kept", Filter::default()).await, Some(100));
}

#[tokio::test]
#[ignore = "needs Docker: run scripts/test"]
async fn a_server_with_a_key_wants_it() {
    let server = Qdrant::with_key().await;
    let url = server.url().await;
    let client = |key: &str| {
        let client = qdrant_client::Qdrant::from_url(&url).api_key(key);
        client.skip_compatibility_check().build().unwrap()
    };
    client(API_KEY).list_collections().await.unwrap();
    assert!(client("wrong").list_collections().await.is_err());
}
