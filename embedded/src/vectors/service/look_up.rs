//! Points by id and by filter, and how many there are.

use qdrant_client::qdrant::{
    CountPoints, CountResult, FacetCounts, FacetHit, FacetValue, GetPoints, PointId,
    RetrievedPoint, ScrollPoints, facet_value::Variant,
};
use qdrant_edge as edge;
use qdrant_edge::external::uuid::Uuid;
use tonic::Status;

use crate::vectors::convert::select::{record_out, with_payload, with_vectors};
use crate::vectors::convert::{engine_status, filter, ids, path, unsupported, wrong};
use crate::vectors::store::Store;

/// Points of an answer. A page is cut to it, and says where it goes on.
pub(super) const MAX_POINTS: usize = 10_000;
/// Ids of one retrieval; 1.5 kB each with a vector of 384 dimensions.
const MAX_IDS: usize = 100_000;

pub(super) fn get(store: &Store, request: GetPoints) -> Result<Vec<RetrievedPoint>, Status> {
    if request.ids.len() > MAX_IDS {
        return Err(wrong(format!("more than {MAX_IDS} ids")));
    }
    let ids = ids::all_in(request.ids)?;
    let payload = with_payload(request.with_payload)?;
    let vectors = with_vectors(request.with_vectors);
    store.get(&request.collection_name)?.read(|shard| {
        let records = shard.retrieve(&ids, Some(payload), Some(vectors));
        let records = records.map_err(|e| engine_status(&e))?;
        Ok(records.into_iter().map(record_out).collect())
    })
}

pub(super) fn scroll(
    store: &Store,
    request: ScrollPoints,
) -> Result<(Vec<RetrievedPoint>, Option<PointId>), Status> {
    if request.order_by.is_some() {
        return Err(unsupported("an order by payload"));
    }
    let limit = limit(request.limit.map(u64::from), 10)?;
    let scroll = edge::ScrollRequest {
        offset: request.offset.map(ids::id_in).transpose()?,
        limit: Some(limit),
        filter: filter::optional(request.filter)?,
        with_payload: Some(with_payload(request.with_payload)?),
        with_vector: with_vectors(request.with_vectors),
        order_by: None,
    };
    store.get(&request.collection_name)?.read(|shard| {
        let (records, next) = shard.scroll(scroll).map_err(|e| engine_status(&e))?;
        let points = records.into_iter().map(record_out).collect();
        Ok((points, next.map(ids::id_out)))
    })
}

pub(super) fn limit(asked: Option<u64>, default: usize) -> Result<usize, Status> {
    match asked {
        None => Ok(default),
        Some(0) => Err(Status::invalid_argument(
            "Validation error in body: [limit: value 0 invalid, must be 1 or larger]",
        )),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(usize::MAX).min(MAX_POINTS)),
    }
}

/// Always the exact number.
pub(super) fn count(store: &Store, request: CountPoints) -> Result<CountResult, Status> {
    let count = edge::CountRequest {
        filter: filter::optional(request.filter)?,
        exact: true,
    };
    store.get(&request.collection_name)?.read(|shard| {
        let count = shard.count(count).map_err(|e| engine_status(&e))?;
        Ok(CountResult {
            count: u64::try_from(count).unwrap_or(u64::MAX),
        })
    })
}

/// Always the exact numbers.
pub(super) fn facet(store: &Store, request: FacetCounts) -> Result<Vec<FacetHit>, Status> {
    let facet = edge::FacetRequest {
        key: path(&request.key)?,
        limit: limit(request.limit, edge::FacetRequest::DEFAULT_LIMIT)?,
        filter: filter::optional(request.filter)?,
        exact: true,
    };
    store.get(&request.collection_name)?.read(|shard| {
        let answer = shard.facet(facet).map_err(|e| engine_status(&e))?;
        Ok(answer.hits.into_iter().map(hit).collect())
    })
}

fn hit(hit: edge::FacetValueHit) -> FacetHit {
    let value = match hit.value {
        edge::FacetValue::Keyword(text) => Variant::StringValue(text),
        edge::FacetValue::Int(number) => Variant::IntegerValue(number),
        edge::FacetValue::Bool(flag) => Variant::BoolValue(flag),
        edge::FacetValue::Uuid(bits) => Variant::StringValue(Uuid::from_u128(bits).to_string()),
    };
    FacetHit {
        value: Some(FacetValue {
            variant: Some(value),
        }),
        count: u64::try_from(hit.count).unwrap_or(u64::MAX),
    }
}
