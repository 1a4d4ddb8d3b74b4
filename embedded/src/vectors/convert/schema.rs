//! How a collection and its indexes are laid out.

use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CollectionConfig, CollectionParams, CreateCollection, Datatype, Distance, FieldType,
    PayloadSchemaInfo, PayloadSchemaType, VectorParams, VectorParamsMap, VectorsConfig,
};
use qdrant_edge as edge;
use qdrant_edge::{DEFAULT_VECTOR_NAME, EdgeConfig, EdgeVectorParams, PayloadFieldSchema};
use tonic::Status;

use super::{unsupported, wrong};

/// The limit of the real server.
const MAX_DIMENSIONS: u64 = 65_536;

pub(in crate::vectors) fn config_in(request: &CreateCollection) -> Result<EdgeConfig, Status> {
    if request.sparse_vectors_config.is_some() {
        return Err(unsupported("a sparse vector"));
    }
    let mut config = EdgeConfig {
        on_disk_payload: true,
        ..EdgeConfig::default()
    };
    match request
        .vectors_config
        .as_ref()
        .and_then(|c| c.config.as_ref())
    {
        None => {}
        Some(Config::Params(params)) => {
            let vector = vector_in(params)?;
            config.vectors.insert(DEFAULT_VECTOR_NAME.into(), vector);
        }
        Some(Config::ParamsMap(map)) => {
            for (name, params) in &map.map {
                config.vectors.insert(name.clone(), vector_in(params)?);
            }
        }
    }
    Ok(config)
}

fn vector_in(params: &VectorParams) -> Result<EdgeVectorParams, Status> {
    if params.multivector_config.is_some() {
        return Err(unsupported("a multi vector"));
    }
    if params.datatype.is_some_and(|kind| {
        !matches!(
            Datatype::try_from(kind),
            Ok(Datatype::Default | Datatype::Float32)
        )
    }) {
        return Err(unsupported("another element type than 32-bit floats"));
    }
    if !(1..=MAX_DIMENSIONS).contains(&params.size) {
        return Err(Status::invalid_argument(format!(
            "Validation error in body: [params.size: value {} invalid, must be from 1 to {MAX_DIMENSIONS}]",
            params.size
        )));
    }
    let distance = match Distance::try_from(params.distance) {
        Ok(Distance::Cosine) => edge::Distance::Cosine,
        Ok(Distance::Euclid) => edge::Distance::Euclid,
        Ok(Distance::Dot) => edge::Distance::Dot,
        Ok(Distance::Manhattan) => edge::Distance::Manhattan,
        _ => return Err(wrong("unknown distance")),
    };
    let size = usize::try_from(params.size).map_err(wrong)?;
    Ok(EdgeVectorParams::builder(size, distance).build())
}

pub(in crate::vectors) fn config_out(config: &EdgeConfig) -> CollectionConfig {
    let vectors = match config.vectors.get(DEFAULT_VECTOR_NAME) {
        Some(vector) => Some(Config::Params(vector_out(vector))),
        None if config.vectors.is_empty() => None,
        None => Some(Config::ParamsMap(VectorParamsMap {
            map: config
                .vectors
                .iter()
                .map(|(name, vector)| (name.clone(), vector_out(vector)))
                .collect(),
        })),
    };
    CollectionConfig {
        params: Some(CollectionParams {
            shard_number: 1,
            vectors_config: vectors.map(|config| VectorsConfig {
                config: Some(config),
            }),
            replication_factor: Some(1),
            write_consistency_factor: Some(1),
            ..CollectionParams::default()
        }),
        ..CollectionConfig::default()
    }
}

fn vector_out(vector: &EdgeVectorParams) -> VectorParams {
    let distance = match vector.distance {
        edge::Distance::Cosine => Distance::Cosine,
        edge::Distance::Euclid => Distance::Euclid,
        edge::Distance::Dot => Distance::Dot,
        edge::Distance::Manhattan => Distance::Manhattan,
    };
    VectorParams {
        size: u64::try_from(vector.size).unwrap_or(u64::MAX),
        distance: distance.into(),
        ..VectorParams::default()
    }
}

/// The kind of an index; its tuning parameters change no answer and are not kept.
pub(in crate::vectors) fn index_in(field_type: Option<i32>) -> Result<PayloadFieldSchema, Status> {
    let kind = match field_type.map(FieldType::try_from) {
        Some(Ok(FieldType::Keyword)) => edge::PayloadSchemaType::Keyword,
        Some(Ok(FieldType::Integer)) => edge::PayloadSchemaType::Integer,
        Some(Ok(FieldType::Float)) => edge::PayloadSchemaType::Float,
        Some(Ok(FieldType::Bool)) => edge::PayloadSchemaType::Bool,
        Some(Ok(FieldType::Datetime)) => edge::PayloadSchemaType::Datetime,
        Some(Ok(FieldType::Uuid)) => edge::PayloadSchemaType::Uuid,
        Some(Ok(FieldType::Geo | FieldType::Text)) => {
            return Err(unsupported("an index on geometry or text"));
        }
        _ => return Err(wrong("an index needs a field type")),
    };
    Ok(PayloadFieldSchema::FieldType(kind))
}

pub(in crate::vectors) fn index_out(index: &edge::PayloadIndexInfo) -> PayloadSchemaInfo {
    let kind = match index.data_type {
        edge::PayloadSchemaType::Keyword => PayloadSchemaType::Keyword,
        edge::PayloadSchemaType::Integer => PayloadSchemaType::Integer,
        edge::PayloadSchemaType::Float => PayloadSchemaType::Float,
        edge::PayloadSchemaType::Geo => PayloadSchemaType::Geo,
        edge::PayloadSchemaType::Text => PayloadSchemaType::Text,
        edge::PayloadSchemaType::Bool => PayloadSchemaType::Bool,
        edge::PayloadSchemaType::Datetime => PayloadSchemaType::Datetime,
        edge::PayloadSchemaType::Uuid => PayloadSchemaType::Uuid,
    };
    PayloadSchemaInfo {
        data_type: kind.into(),
        params: None,
        points: Some(u64::try_from(index.points).unwrap_or(u64::MAX)),
    }
}
