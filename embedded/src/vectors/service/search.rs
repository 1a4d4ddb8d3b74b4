//! The nearest points to a vector. Every point is looked at: nothing is approximated.

use qdrant_client::qdrant::{
    QueryPoints, ScoredPoint, SearchPoints, VectorInput, query::Variant, vector_input,
};
use qdrant_edge as edge;
use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{
    Condition, DEFAULT_VECTOR_NAME, EdgeShard, NamedQuery, PointId, QueryEnum, ScoringQuery,
    VectorInternal, VectorStructInternal, WithVector,
};
use tonic::Status;

use super::look_up::{MAX_POINTS, limit};
use crate::vectors::convert::select::{scored_out, with_payload, with_vectors};
use crate::vectors::convert::vectors::check_dimension;
use crate::vectors::convert::{engine_status, filter, ids, unsupported};
use crate::vectors::store::Store;

pub(super) fn query(store: &Store, request: QueryPoints) -> Result<Vec<ScoredPoint>, Status> {
    if !request.prefetch.is_empty() || request.lookup_from.is_some() {
        return Err(unsupported("a query in several stages"));
    }
    let nearest = match request.query.and_then(|query| query.variant) {
        None => None,
        Some(Variant::Nearest(VectorInput { variant })) => variant,
        Some(_) => return Err(unsupported("this kind of query")),
    };
    let name = request.using.unwrap_or_default();
    let mut asked = edge::QueryRequest {
        prefetches: Vec::new(),
        query: None,
        filter: filter::optional(request.filter)?,
        score_threshold: request.score_threshold.map(OrderedFloat),
        limit: limit(request.limit, 10)?,
        offset: offset(request.offset),
        params: None,
        with_vector: with_vectors(request.with_vectors),
        with_payload: with_payload(request.with_payload)?,
    };
    store.get(&request.collection_name)?.read(|shard| {
        let vector = match nearest {
            None => return run(shard, asked),
            Some(vector_input::Variant::Dense(dense)) => dense.data,
            Some(vector_input::Variant::Id(id)) => {
                let id = ids::id_in(id)?;
                leave_out(id, &mut asked);
                vector_of(shard, id, &name)?
            }
            Some(_) => return Err(unsupported("this kind of vector")),
        };
        asked.query = Some(to_nearest(shard, &name, vector)?);
        run(shard, asked)
    })
}

pub(super) fn search(store: &Store, request: SearchPoints) -> Result<Vec<ScoredPoint>, Status> {
    if request.sparse_indices.is_some() {
        return Err(unsupported("a sparse vector"));
    }
    let name = request.vector_name.unwrap_or_default();
    let asked = edge::QueryRequest {
        prefetches: Vec::new(),
        query: None,
        filter: filter::optional(request.filter)?,
        score_threshold: request.score_threshold.map(OrderedFloat),
        limit: limit(Some(request.limit), 10)?,
        offset: offset(request.offset),
        params: None,
        with_vector: with_vectors(request.with_vectors),
        with_payload: with_payload(request.with_payload)?,
    };
    store.get(&request.collection_name)?.read(|shard| {
        let query = Some(to_nearest(shard, &name, request.vector)?);
        run(shard, edge::QueryRequest { query, ..asked })
    })
}

fn offset(asked: Option<u64>) -> usize {
    let asked = usize::try_from(asked.unwrap_or(0)).unwrap_or(usize::MAX);
    asked.min(MAX_POINTS)
}

/// A shard answers from the first on: what is skipped is skipped by who merges shards.
fn run(shard: &EdgeShard, mut asked: edge::QueryRequest) -> Result<Vec<ScoredPoint>, Status> {
    let skipped = std::mem::take(&mut asked.offset);
    asked.limit += skipped;
    let found = shard.query(asked).map_err(|e| engine_status(&e))?;
    Ok(found.into_iter().skip(skipped).map(scored_out).collect())
}

fn to_nearest(shard: &EdgeShard, name: &str, vector: Vec<f32>) -> Result<ScoringQuery, Status> {
    check_dimension(name, vector.len(), &shard.config())?;
    let query = VectorInternal::Dense(vector);
    Ok(ScoringQuery::Vector(QueryEnum::Nearest(NamedQuery::new(
        query, name,
    ))))
}

/// A point is not among those that are near to it.
fn leave_out(id: PointId, asked: &mut edge::QueryRequest) {
    let filter = asked.filter.get_or_insert_default();
    let itself = Condition::HasId([id].into_iter().collect());
    filter.must_not.get_or_insert_default().push(itself);
}

fn vector_of(shard: &EdgeShard, id: PointId, name: &str) -> Result<Vec<f32>, Status> {
    let wish = WithVector::Selector(vec![name.into()]);
    let found = shard.retrieve(&[id], Some(false.into()), Some(wish));
    let record = found.map_err(|e| engine_status(&e))?.pop();
    let vector = record.and_then(|record| match record.vector? {
        VectorStructInternal::Single(dense) if name == DEFAULT_VECTOR_NAME => Some(dense),
        VectorStructInternal::Named(mut named) => match named.remove(name)? {
            VectorInternal::Dense(dense) => Some(dense),
            _ => None,
        },
        _ => None,
    });
    vector.ok_or_else(|| Status::not_found(format!("Not found: No point with id {id} found")))
}
