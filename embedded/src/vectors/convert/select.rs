//! What a reader wants to have of each point, and the points as they are answered.

use qdrant_client::qdrant::with_payload_selector::SelectorOptions as PayloadOptions;
use qdrant_client::qdrant::with_vectors_selector::SelectorOptions as VectorOptions;
use qdrant_client::qdrant::{
    RetrievedPoint, ScoredPoint, WithPayloadSelector, WithVectorsSelector,
};
use qdrant_edge as edge;
use qdrant_edge::{PayloadSelector, WithPayloadInterface, WithVector};
use tonic::Status;

use super::{ids, path, payload, vectors};

/// Nothing asked for is no payload, as on a server over gRPC.
pub(in crate::vectors) fn with_payload(
    selector: Option<WithPayloadSelector>,
) -> Result<WithPayloadInterface, Status> {
    let paths = |fields: Vec<String>| {
        let paths: Result<Vec<_>, Status> = fields.iter().map(|field| path(field)).collect();
        paths
    };
    Ok(match selector.and_then(|s| s.selector_options) {
        None => WithPayloadInterface::Bool(false),
        Some(PayloadOptions::Enable(flag)) => WithPayloadInterface::Bool(flag),
        Some(PayloadOptions::Include(include)) => {
            WithPayloadInterface::Selector(PayloadSelector::new_include(paths(include.fields)?))
        }
        Some(PayloadOptions::Exclude(exclude)) => {
            WithPayloadInterface::Selector(PayloadSelector::new_exclude(paths(exclude.fields)?))
        }
    })
}

pub(in crate::vectors) fn with_vectors(selector: Option<WithVectorsSelector>) -> WithVector {
    match selector.and_then(|s| s.selector_options) {
        None => WithVector::Bool(false),
        Some(VectorOptions::Enable(flag)) => WithVector::Bool(flag),
        Some(VectorOptions::Include(include)) => WithVector::Selector(include.names),
    }
}

pub(in crate::vectors) fn record_out(record: edge::Record) -> RetrievedPoint {
    RetrievedPoint {
        id: Some(ids::id_out(record.id)),
        payload: payload::payload_out(record.payload),
        vectors: record.vector.and_then(vectors::vectors_out),
        ..RetrievedPoint::default()
    }
}

pub(in crate::vectors) fn scored_out(point: edge::ScoredPoint) -> ScoredPoint {
    ScoredPoint {
        id: Some(ids::id_out(point.id)),
        payload: payload::payload_out(point.payload),
        score: point.score,
        version: point.version,
        vectors: point.vector.and_then(vectors::vectors_out),
        ..ScoredPoint::default()
    }
}
