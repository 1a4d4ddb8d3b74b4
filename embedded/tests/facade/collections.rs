//! Collections and their indexes.

use fanout_embedded::vectors::{VectorServer, VectorServerConfig, VectorStoreError};
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CreateCollection, CreateCollectionBuilder, Distance, PayloadSchemaType, VectorParamsBuilder,
    VectorParamsMap, VectorsConfig,
};

use crate::support::{client, create, numbered, store, upsert, with_collection};

#[tokio::test]
async fn the_version_is_one_with_conditional_upserts() {
    let store = store().await;
    let version = store.client.health_check().await.unwrap().version;
    assert!(version.as_str() >= "1.16.0", "{version}");
}

#[tokio::test]
async fn a_collection_is_described_as_it_was_made() {
    let store = with_collection("made").await;
    upsert(&store.client, "made", numbered(5)).await;
    let info = store.client.collection_info("made").await.unwrap();
    let info = info.result.unwrap();
    let params = info.config.unwrap().params.unwrap();
    let Some(Config::Params(vector)) = params.vectors_config.unwrap().config else {
        panic!("one vector without a name was expected");
    };
    assert_eq!((vector.size, vector.distance()), (3, Distance::Cosine));
    assert_eq!(info.points_count, Some(5));
    let kind = |field: &str| info.payload_schema[field].data_type();
    assert_eq!(kind("user"), PayloadSchemaType::Keyword);
    assert_eq!(kind("size"), PayloadSchemaType::Integer);
}

#[tokio::test]
async fn a_collection_may_have_no_vectors_or_named_ones() {
    let store = store().await;
    let bare = CreateCollectionBuilder::new("bare");
    store.client.create_collection(bare).await.unwrap();
    let info = store.client.collection_info("bare").await.unwrap();
    let params = info.result.unwrap().config.unwrap().params.unwrap();
    assert!(params.vectors_config.is_none_or(|c| c.config.is_none()));

    let vector = VectorParamsBuilder::new(2, Distance::Dot).build();
    let named = VectorParamsMap {
        map: [("title".to_owned(), vector)].into(),
    };
    let create = CreateCollection {
        collection_name: "named".into(),
        vectors_config: Some(VectorsConfig {
            config: Some(Config::ParamsMap(named.clone())),
        }),
        ..CreateCollection::default()
    };
    store.client.create_collection(create).await.unwrap();
    let info = store.client.collection_info("named").await.unwrap();
    let params = info.result.unwrap().config.unwrap().params.unwrap();
    let got = params.vectors_config.unwrap().config;
    assert_eq!(got, Some(Config::ParamsMap(named)));
}

#[tokio::test]
async fn a_collection_is_there_until_it_is_deleted() {
    let store = with_collection("here").await;
    assert!(store.client.collection_exists("here").await.unwrap());
    let listed = store.client.list_collections().await.unwrap().collections;
    assert_eq!(listed[0].name, "here");

    assert!(store.client.delete_collection("here").await.unwrap().result);
    assert!(!store.client.collection_exists("here").await.unwrap());
    assert!(!store.client.delete_collection("here").await.unwrap().result);

    create(&store.client, "here").await;
    let info = store.client.collection_info("here").await.unwrap();
    assert_eq!(info.result.unwrap().points_count, Some(0));
}

#[tokio::test]
async fn making_an_index_again_changes_nothing() {
    use qdrant_client::qdrant::{CreateFieldIndexCollectionBuilder as Index, FieldType};
    let store = with_collection("twice").await;
    upsert(&store.client, "twice", numbered(3)).await;
    let index = Index::new("twice", "user", FieldType::Keyword).wait(true);
    store.client.create_field_index(index).await.unwrap();
    let info = store.client.collection_info("twice").await.unwrap();
    assert_eq!(info.result.unwrap().payload_schema["user"].points, Some(3));
}

#[tokio::test]
async fn a_stopped_store_can_be_opened_again_with_all_it_held() {
    let store = with_collection("kept").await;
    upsert(&store.client, "kept", numbered(7)).await;
    store.server.stop().await.unwrap();

    let config = VectorServerConfig::new(store.folder.path());
    let again = VectorServer::start(config).await.unwrap();
    let info = client(&again.url()).collection_info("kept").await.unwrap();
    let info = info.result.unwrap();
    assert_eq!(info.points_count, Some(7));
    assert_eq!(info.payload_schema.len(), 2);
}

#[tokio::test]
async fn a_folder_has_one_owner() {
    let store = store().await;
    let second = VectorServer::start(VectorServerConfig::new(store.folder.path())).await;
    assert!(matches!(second, Err(VectorStoreError::InUse(_))));
}
