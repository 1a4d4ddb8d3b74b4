//! Changes of points.

use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_update_operation::{
    Operation, OverwritePayload, PointStructList, SetPayload,
};
use qdrant_client::qdrant::{PointsSelector, UpdateMode};
use qdrant_edge as edge;
use qdrant_edge::{
    ConditionalInsertOperation, DeletePayloadOp, EdgeConfig, PayloadOps, PointId,
    PointInsertOperations, PointOperations, SetPayloadOp, UpdateOperation,
};
use tonic::Status;

use super::{filter, ids, path, payload, unsupported, vectors, wrong};

/// The engine's operation; all of it fits the collection.
pub(in crate::vectors) fn operation_in(
    operation: Operation,
    config: &EdgeConfig,
) -> Result<UpdateOperation, Status> {
    #[allow(deprecated)] // clients before 1.7 send these two
    match operation {
        Operation::Upsert(list) => upsert(list, config).map(UpdateOperation::PointOperation),
        Operation::DeletePoints(delete) => delete_points(delete.points),
        Operation::DeleteDeprecated(selector) => delete_points(Some(selector)),
        Operation::SetPayload(set) => {
            let SetPayload {
                payload,
                points_selector,
                key,
                ..
            } = set;
            let set = set_payload(payload, points_selector, key)?;
            Ok(UpdateOperation::PayloadOperation(PayloadOps::SetPayload(
                set,
            )))
        }
        Operation::OverwritePayload(set) => {
            let OverwritePayload {
                payload,
                points_selector,
                key,
                ..
            } = set;
            let set = set_payload(payload, points_selector, key)?;
            Ok(UpdateOperation::PayloadOperation(
                PayloadOps::OverwritePayload(set),
            ))
        }
        Operation::DeletePayload(delete) => {
            let (points, filter) = selected(delete.points_selector)?.split();
            let keys: Result<_, Status> = delete.keys.iter().map(|key| path(key)).collect();
            let delete = DeletePayloadOp {
                keys: keys?,
                points,
                filter,
            };
            Ok(UpdateOperation::PayloadOperation(
                PayloadOps::DeletePayload(delete),
            ))
        }
        Operation::ClearPayload(clear) => clear_payload(clear.points),
        Operation::ClearPayloadDeprecated(selector) => clear_payload(Some(selector)),
        Operation::UpdateVectors(_) | Operation::DeleteVectors(_) => {
            Err(unsupported("changing a vector alone"))
        }
    }
}

fn upsert(list: PointStructList, config: &EdgeConfig) -> Result<PointOperations, Status> {
    let points: Result<Vec<_>, Status> = list
        .points
        .into_iter()
        .map(|point| vectors::point_in(point, config))
        .collect();
    let points_op = PointInsertOperations::PointsList(points?);
    let update_mode = match list.update_mode.map(UpdateMode::try_from) {
        None | Some(Ok(UpdateMode::Upsert)) => None,
        Some(Ok(UpdateMode::InsertOnly)) => Some(edge::UpdateMode::InsertOnly),
        Some(Ok(UpdateMode::UpdateOnly)) => Some(edge::UpdateMode::UpdateOnly),
        Some(Err(_)) => return Err(wrong("unknown update mode")),
    };
    let condition = filter::optional(list.update_filter)?;
    if condition.is_none() && update_mode.is_none() {
        return Ok(PointOperations::UpsertPoints(points_op));
    }
    Ok(PointOperations::UpsertPointsConditional(
        ConditionalInsertOperation {
            points_op,
            condition: condition.unwrap_or_default(),
            update_mode,
        },
    ))
}

/// The points that a change is about.
enum Selected {
    Ids(Vec<PointId>),
    Filter(edge::Filter),
}

impl Selected {
    fn split(self) -> (Option<Vec<PointId>>, Option<edge::Filter>) {
        match self {
            Self::Ids(ids) => (Some(ids), None),
            Self::Filter(filter) => (None, Some(filter)),
        }
    }
}

fn selected(selector: Option<PointsSelector>) -> Result<Selected, Status> {
    match selector.and_then(|s| s.points_selector_one_of) {
        Some(PointsSelectorOneOf::Points(list)) => ids::all_in(list.ids).map(Selected::Ids),
        Some(PointsSelectorOneOf::Filter(f)) => filter::filter_in(f).map(Selected::Filter),
        None => Err(Status::invalid_argument("PointsSelector is missing")),
    }
}

fn delete_points(selector: Option<PointsSelector>) -> Result<UpdateOperation, Status> {
    let delete = match selected(selector)? {
        Selected::Ids(ids) => PointOperations::DeletePoints { ids },
        Selected::Filter(filter) => PointOperations::DeletePointsByFilter(filter),
    };
    Ok(UpdateOperation::PointOperation(delete))
}

fn set_payload(
    values: std::collections::HashMap<String, qdrant_client::qdrant::Value>,
    selector: Option<PointsSelector>,
    key: Option<String>,
) -> Result<SetPayloadOp, Status> {
    let (points, filter) = selected(selector)?.split();
    Ok(SetPayloadOp {
        payload: payload::payload_in(values)?,
        points,
        filter,
        key: key.map(|key| path(&key)).transpose()?,
    })
}

fn clear_payload(selector: Option<PointsSelector>) -> Result<UpdateOperation, Status> {
    let clear = match selected(selector)? {
        Selected::Ids(points) => PayloadOps::ClearPayload { points },
        Selected::Filter(filter) => PayloadOps::ClearPayloadByFilter(filter),
    };
    Ok(UpdateOperation::PayloadOperation(clear))
}
