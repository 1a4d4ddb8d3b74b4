//! Points: the calls, each handed on to where it is done.

use qdrant_client::qdrant::points_server::Points;
use qdrant_client::qdrant::points_update_operation as op;
use qdrant_client::qdrant::points_update_operation::Operation;
use qdrant_client::qdrant::{
    ClearPayloadPoints, CountPoints, CountResponse, CreateFieldIndexCollection,
    DeleteFieldIndexCollection, DeletePayloadPoints, DeletePoints, FacetCounts, FacetResponse,
    GetPoints, GetResponse, PointsOperationResponse, QueryPoints, QueryResponse, ScrollPoints,
    ScrollResponse, SearchPoints, SearchResponse, SetPayloadPoints, UpdateBatchPoints,
    UpdateBatchResponse, UpsertPoints,
};
use qdrant_edge::FieldIndexOperations;
use tonic::{Request, Response, Status};

use super::{Service, look_up, refused, search};
use crate::vectors::convert::path;

type Changed = Result<Response<PointsOperationResponse>, Status>;

#[tonic::async_trait]
impl Points for Service {
    async fn upsert(&self, request: Request<UpsertPoints>) -> Changed {
        let request = request.into_inner();
        let list = op::PointStructList {
            points: request.points,
            shard_key_selector: None,
            update_filter: request.update_filter,
            update_mode: request.update_mode,
        };
        let operation = Operation::Upsert(list);
        self.change(request.collection_name, request.wait, operation)
            .await
    }

    async fn delete(&self, request: Request<DeletePoints>) -> Changed {
        let request = request.into_inner();
        let operation = Operation::DeletePoints(op::DeletePoints {
            points: request.points,
            shard_key_selector: None,
        });
        self.change(request.collection_name, request.wait, operation)
            .await
    }

    async fn set_payload(&self, request: Request<SetPayloadPoints>) -> Changed {
        let request = request.into_inner();
        let operation = Operation::SetPayload(op::SetPayload {
            payload: request.payload,
            points_selector: request.points_selector,
            shard_key_selector: None,
            key: request.key,
        });
        self.change(request.collection_name, request.wait, operation)
            .await
    }

    async fn overwrite_payload(&self, request: Request<SetPayloadPoints>) -> Changed {
        let request = request.into_inner();
        let operation = Operation::OverwritePayload(op::OverwritePayload {
            payload: request.payload,
            points_selector: request.points_selector,
            shard_key_selector: None,
            key: request.key,
        });
        self.change(request.collection_name, request.wait, operation)
            .await
    }

    async fn delete_payload(&self, request: Request<DeletePayloadPoints>) -> Changed {
        let request = request.into_inner();
        let operation = Operation::DeletePayload(op::DeletePayload {
            keys: request.keys,
            points_selector: request.points_selector,
            shard_key_selector: None,
        });
        self.change(request.collection_name, request.wait, operation)
            .await
    }

    async fn clear_payload(&self, request: Request<ClearPayloadPoints>) -> Changed {
        let request = request.into_inner();
        let operation = Operation::ClearPayload(op::ClearPayload {
            points: request.points,
            shard_key_selector: None,
        });
        self.change(request.collection_name, request.wait, operation)
            .await
    }

    async fn update_batch(
        &self,
        request: Request<UpdateBatchPoints>,
    ) -> Result<Response<UpdateBatchResponse>, Status> {
        let request = request.into_inner();
        let operations: Option<Vec<_>> = request
            .operations
            .into_iter()
            .map(|o| o.operation)
            .collect();
        let operations =
            operations.ok_or_else(|| Status::invalid_argument("Operation is missing"))?;
        let (result, time) = self
            .change_all(request.collection_name, request.wait, operations)
            .await?;
        Ok(Response::new(UpdateBatchResponse {
            result,
            time,
            usage: None,
        }))
    }

    async fn create_field_index(&self, request: Request<CreateFieldIndexCollection>) -> Changed {
        self.create_index(request.into_inner()).await
    }

    async fn delete_field_index(&self, request: Request<DeleteFieldIndexCollection>) -> Changed {
        let request = request.into_inner();
        let delete = FieldIndexOperations::DeleteIndex(path(&request.field_name)?);
        self.index(request.collection_name, request.wait, delete)
            .await
    }

    async fn get(&self, request: Request<GetPoints>) -> Result<Response<GetResponse>, Status> {
        let request = request.into_inner();
        let (result, time) = self.run(|store| look_up::get(store, request)).await?;
        Ok(Response::new(GetResponse {
            result,
            time,
            usage: None,
        }))
    }

    async fn scroll(
        &self,
        request: Request<ScrollPoints>,
    ) -> Result<Response<ScrollResponse>, Status> {
        let request = request.into_inner();
        let ((result, next_page_offset), time) =
            self.run(|store| look_up::scroll(store, request)).await?;
        Ok(Response::new(ScrollResponse {
            next_page_offset,
            result,
            time,
            usage: None,
        }))
    }

    async fn count(
        &self,
        request: Request<CountPoints>,
    ) -> Result<Response<CountResponse>, Status> {
        let request = request.into_inner();
        let (result, time) = self.run(|store| look_up::count(store, request)).await?;
        Ok(Response::new(CountResponse {
            result: Some(result),
            time,
            usage: None,
        }))
    }

    async fn facet(
        &self,
        request: Request<FacetCounts>,
    ) -> Result<Response<FacetResponse>, Status> {
        let request = request.into_inner();
        let (hits, time) = self.run(|store| look_up::facet(store, request)).await?;
        Ok(Response::new(FacetResponse {
            hits,
            time,
            usage: None,
        }))
    }

    async fn query(
        &self,
        request: Request<QueryPoints>,
    ) -> Result<Response<QueryResponse>, Status> {
        let request = request.into_inner();
        let (result, time) = self.run(|store| search::query(store, request)).await?;
        Ok(Response::new(QueryResponse {
            result,
            time,
            usage: None,
        }))
    }

    async fn search(
        &self,
        request: Request<SearchPoints>,
    ) -> Result<Response<SearchResponse>, Status> {
        let request = request.into_inner();
        let (result, time) = self.run(|store| search::search(store, request)).await?;
        Ok(Response::new(SearchResponse {
            result,
            time,
            usage: None,
        }))
    }

    refused! {
        update_vectors: UpdatePointVectors => PointsOperationResponse;
        delete_vectors: DeletePointVectors => PointsOperationResponse;
        create_vector_name: CreateVectorNameRequest => PointsOperationResponse;
        delete_vector_name: DeleteVectorNameRequest => PointsOperationResponse;
        search_batch: SearchBatchPoints => SearchBatchResponse;
        search_groups: SearchPointGroups => SearchGroupsResponse;
        recommend: RecommendPoints => RecommendResponse;
        recommend_batch: RecommendBatchPoints => RecommendBatchResponse;
        recommend_groups: RecommendPointGroups => RecommendGroupsResponse;
        discover: DiscoverPoints => DiscoverResponse;
        discover_batch: DiscoverBatchPoints => DiscoverBatchResponse;
        query_batch: QueryBatchPoints => QueryBatchResponse;
        query_groups: QueryPointGroups => QueryGroupsResponse;
        search_matrix_pairs: SearchMatrixPoints => SearchMatrixPairsResponse;
        search_matrix_offsets: SearchMatrixPoints => SearchMatrixOffsetsResponse;
    }
}
