//! Changes of points and indexes.

use qdrant_client::qdrant::points_update_operation::Operation;
use qdrant_client::qdrant::{
    CreateFieldIndexCollection, PointsOperationResponse, UpdateResult, UpdateStatus,
};
use qdrant_edge::{CreateIndex, FieldIndexOperations, UpdateOperation};
use tonic::{Response, Status};

use super::Service;
use crate::vectors::convert::path;
use crate::vectors::convert::schema::index_in;

/// Operations of a batch, so that none holds its slot for ever.
const MAX_OPERATIONS: usize = 10_000;

impl Service {
    /// One change. It is always applied before the answer; who does not wait is told less.
    pub(super) async fn change(
        &self,
        collection: String,
        wait: Option<bool>,
        operation: Operation,
    ) -> Result<Response<PointsOperationResponse>, Status> {
        let ((), time) = self
            .run(move |store| store.get(&collection)?.write(operation))
            .await?;
        Ok(changed(wait, time))
    }

    /// Several, in order; the first that fails ends it, and those before it stay.
    pub(super) async fn change_all(
        &self,
        collection: String,
        wait: Option<bool>,
        operations: Vec<Operation>,
    ) -> Result<(Vec<UpdateResult>, f64), Status> {
        if operations.len() > MAX_OPERATIONS {
            return Err(Status::invalid_argument(format!(
                "Wrong input: more than {MAX_OPERATIONS} operations in a batch"
            )));
        }
        let count = operations.len();
        let ((), time) = self
            .run(move |store| {
                let collection = store.get(&collection)?;
                operations
                    .into_iter()
                    .try_for_each(|operation| collection.write(operation))
            })
            .await?;
        Ok((vec![result(wait); count], time))
    }

    pub(super) async fn create_index(
        &self,
        request: CreateFieldIndexCollection,
    ) -> Result<Response<PointsOperationResponse>, Status> {
        let create = FieldIndexOperations::CreateIndex(CreateIndex {
            field_name: path(&request.field_name)?,
            field_schema: Some(index_in(request.field_type)?),
        });
        self.index(request.collection_name, request.wait, create)
            .await
    }

    pub(super) async fn index(
        &self,
        collection: String,
        wait: Option<bool>,
        operation: FieldIndexOperations,
    ) -> Result<Response<PointsOperationResponse>, Status> {
        let operation = UpdateOperation::FieldIndexOperation(operation);
        let ((), time) = self
            .run(move |store| store.get(&collection)?.index(operation))
            .await?;
        Ok(changed(wait, time))
    }
}

fn changed(wait: Option<bool>, time: f64) -> Response<PointsOperationResponse> {
    Response::new(PointsOperationResponse {
        result: Some(result(wait)),
        time,
        usage: None,
    })
}

fn result(wait: Option<bool>) -> UpdateResult {
    let status = if wait.unwrap_or(false) {
        UpdateStatus::Completed
    } else {
        UpdateStatus::Acknowledged
    };
    UpdateResult {
        operation_id: Some(0),
        status: status.into(),
    }
}
