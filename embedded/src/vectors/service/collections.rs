//! Collections: make, look at, list, delete.

use qdrant_client::qdrant::collections_server::Collections;
use qdrant_client::qdrant::{
    CollectionDescription, CollectionExists, CollectionExistsRequest, CollectionExistsResponse,
    CollectionInfo, CollectionOperationResponse, CollectionStatus, CreateCollection,
    DeleteCollection, GetCollectionInfoRequest, GetCollectionInfoResponse, ListCollectionsRequest,
    ListCollectionsResponse, OptimizerStatus,
};
use qdrant_edge::EdgeShard;
use tonic::{Request, Response, Status};

use super::{Service, refused};
use crate::vectors::convert::schema::{config_in, config_out, index_out};

#[tonic::async_trait]
impl Collections for Service {
    async fn get(
        &self,
        request: Request<GetCollectionInfoRequest>,
    ) -> Result<Response<GetCollectionInfoResponse>, Status> {
        let name = request.into_inner().collection_name;
        let (info, time) = self
            .run(move |store| store.get(&name)?.read(|shard| Ok(describe(shard))))
            .await?;
        Ok(Response::new(GetCollectionInfoResponse {
            result: Some(info),
            time,
        }))
    }

    async fn list(
        &self,
        _: Request<ListCollectionsRequest>,
    ) -> Result<Response<ListCollectionsResponse>, Status> {
        let (names, time) = self.run(|store| Ok(store.names())).await?;
        let collections = names
            .into_iter()
            .map(|name| CollectionDescription { name })
            .collect();
        Ok(Response::new(ListCollectionsResponse { collections, time }))
    }

    async fn create(
        &self,
        request: Request<CreateCollection>,
    ) -> Result<Response<CollectionOperationResponse>, Status> {
        let request = request.into_inner();
        let config = config_in(&request)?;
        let name = request.collection_name;
        let ((), time) = self.run(move |store| store.create(&name, config)).await?;
        Ok(Response::new(CollectionOperationResponse {
            result: true,
            time,
        }))
    }

    async fn delete(
        &self,
        request: Request<DeleteCollection>,
    ) -> Result<Response<CollectionOperationResponse>, Status> {
        let name = request.into_inner().collection_name;
        let (result, time) = self.run(move |store| store.delete(&name)).await?;
        Ok(Response::new(CollectionOperationResponse { result, time }))
    }

    async fn collection_exists(
        &self,
        request: Request<CollectionExistsRequest>,
    ) -> Result<Response<CollectionExistsResponse>, Status> {
        let name = request.into_inner().collection_name;
        let (exists, time) = self.run(move |store| Ok(store.exists(&name))).await?;
        Ok(Response::new(CollectionExistsResponse {
            result: Some(CollectionExists { exists }),
            time,
        }))
    }

    refused! {
        update: UpdateCollection => CollectionOperationResponse;
        update_aliases: ChangeAliases => CollectionOperationResponse;
        list_collection_aliases: ListCollectionAliasesRequest => ListAliasesResponse;
        list_aliases: ListAliasesRequest => ListAliasesResponse;
        collection_cluster_info: CollectionClusterInfoRequest => CollectionClusterInfoResponse;
        update_collection_cluster_setup: UpdateCollectionClusterSetupRequest => UpdateCollectionClusterSetupResponse;
        create_shard_key: CreateShardKeyRequest => CreateShardKeyResponse;
        delete_shard_key: DeleteShardKeyRequest => DeleteShardKeyResponse;
        list_shard_keys: ListShardKeysRequest => ListShardKeysResponse;
    }
}

fn describe(shard: &EdgeShard) -> CollectionInfo {
    let info = shard.info();
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    CollectionInfo {
        status: CollectionStatus::Green.into(),
        optimizer_status: Some(OptimizerStatus {
            ok: true,
            error: String::new(),
        }),
        segments_count: number(info.segments_count),
        config: Some(config_out(&shard.config())),
        payload_schema: info
            .payload_schema
            .iter()
            .map(|(key, index)| (key.to_string(), index_out(index)))
            .collect(),
        points_count: Some(number(info.points_count)),
        indexed_vectors_count: Some(number(info.indexed_vectors_count)),
        ..CollectionInfo::default()
    }
}
