//! Point ids: numbers and UUIDs.

use qdrant_client::qdrant::PointId;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_edge::PointId as EdgeId;
use qdrant_edge::external::uuid::Uuid;
use tonic::Status;

pub(in crate::vectors) fn id_in(id: PointId) -> Result<EdgeId, Status> {
    match id.point_id_options {
        Some(PointIdOptions::Num(number)) => Ok(EdgeId::NumId(number)),
        Some(PointIdOptions::Uuid(text)) => Uuid::parse_str(&text)
            .map(EdgeId::Uuid)
            .map_err(|_| Status::invalid_argument(format!("Unable to parse UUID: {text}"))),
        None => Err(Status::invalid_argument("No ID options provided")),
    }
}

/// An id that a message must have.
pub(in crate::vectors) fn required(id: Option<PointId>) -> Result<EdgeId, Status> {
    id_in(id.ok_or_else(|| Status::invalid_argument("Empty ID is not allowed"))?)
}

pub(in crate::vectors) fn all_in(ids: Vec<PointId>) -> Result<Vec<EdgeId>, Status> {
    ids.into_iter().map(id_in).collect()
}

pub(in crate::vectors) fn id_out(id: EdgeId) -> PointId {
    let id = match id {
        EdgeId::NumId(number) => PointIdOptions::Num(number),
        EdgeId::Uuid(uuid) => PointIdOptions::Uuid(uuid.to_string()),
    };
    PointId {
        point_id_options: Some(id),
    }
}
