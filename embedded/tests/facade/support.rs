//! A store in a folder of the test's own, and short ways to ask it.

use std::collections::HashMap;

use fanout_embedded::vectors::{VectorServer, VectorServerConfig};
use qdrant_client::Qdrant;
use qdrant_client::qdrant::{
    CreateCollectionBuilder, CreateFieldIndexCollectionBuilder, Distance, FieldType, Filter,
    GetPointsBuilder, PointId, PointStruct, PointsOperationResponse, RetrievedPoint,
    ScrollPointsBuilder, UpdateStatus, UpsertPointsBuilder, Value, VectorParamsBuilder, Vectors,
    point_id::PointIdOptions,
};
use tempfile::TempDir;

/// A running store; its folder goes with it.
pub struct Stored {
    pub client: Qdrant,
    pub server: VectorServer,
    pub folder: TempDir,
}

pub fn client(url: &str) -> Qdrant {
    let client = Qdrant::from_url(url).skip_compatibility_check();
    client.build().unwrap()
}

pub async fn store() -> Stored {
    let folder = tempfile::tempdir().unwrap();
    let config = VectorServerConfig::new(folder.path());
    let server = VectorServer::start(config).await.unwrap();
    Stored {
        client: client(&server.url()),
        server,
        folder,
    }
}

/// A store with a collection of this name: vectors of three dimensions, cosine, and an index
/// on the keyword `user` and on the integer `size`.
pub async fn with_collection(name: &str) -> Stored {
    let store = store().await;
    create(&store.client, name).await;
    store
}

pub async fn create(client: &Qdrant, name: &str) {
    let vectors = VectorParamsBuilder::new(3, Distance::Cosine);
    let create = CreateCollectionBuilder::new(name).vectors_config(vectors);
    client.create_collection(create).await.unwrap();
    for (field, kind) in [("user", FieldType::Keyword), ("size", FieldType::Integer)] {
        let index = CreateFieldIndexCollectionBuilder::new(name, field, kind).wait(true);
        client.create_field_index(index).await.unwrap();
    }
}

pub fn point(
    id: impl Into<PointId>,
    vector: impl Into<Vectors>,
    payload: impl IntoIterator<Item = (&'static str, Value)>,
) -> PointStruct {
    let payload: HashMap<String, Value> = payload
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    PointStruct::new(id, vector, payload)
}

/// Points 1 to `count`: `user` is `u0`, `u1` or `u2` in turns, `size` is the number.
pub fn numbered(count: u64) -> Vec<PointStruct> {
    let one = |n: u64| {
        let user = format!("u{}", n % 3);
        let size = i64::try_from(n).unwrap();
        let vector = vec![1.0, n as f32, 0.0];
        point(n, vector, [("user", user.into()), ("size", size.into())])
    };
    (1..=count).map(one).collect()
}

pub async fn upsert(client: &Qdrant, collection: &str, points: Vec<PointStruct>) {
    let upsert = UpsertPointsBuilder::new(collection, points).wait(true);
    completed(client.upsert_points(upsert).await.unwrap());
}

#[track_caller]
pub fn completed(response: PointsOperationResponse) {
    let status = response.result.unwrap().status;
    assert_eq!(status, i32::from(UpdateStatus::Completed));
}

pub async fn get(
    client: &Qdrant,
    collection: &str,
    id: impl Into<PointId>,
) -> Option<RetrievedPoint> {
    let get = GetPointsBuilder::new(collection, vec![id.into()])
        .with_payload(true)
        .with_vectors(true);
    client.get_points(get).await.unwrap().result.pop()
}

/// Ids of all points that pass the filter, in order.
pub async fn matching(client: &Qdrant, collection: &str, filter: Filter) -> Vec<u64> {
    let scroll = ScrollPointsBuilder::new(collection)
        .filter(filter)
        .limit(1_000);
    let found = client.scroll(scroll).await.unwrap().result;
    found.into_iter().map(|p| number(p.id.unwrap())).collect()
}

#[track_caller]
pub fn number(id: PointId) -> u64 {
    match id.point_id_options {
        Some(PointIdOptions::Num(number)) => number,
        other => panic!("no number: {other:?}"),
    }
}

#[track_caller]
pub fn dense(point: &RetrievedPoint) -> Vec<f32> {
    use qdrant_client::qdrant::vector_output::Vector;
    match point.vectors.as_ref().unwrap().get_vector().unwrap() {
        Vector::Dense(dense) => dense.data,
        other => panic!("not dense: {other:?}"),
    }
}
