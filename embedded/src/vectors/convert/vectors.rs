//! Dense vectors, named or not.

use std::collections::HashMap;

use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::{
    DenseVector, NamedVectorsOutput, PointStruct, Vector, VectorOutput, Vectors, VectorsOutput,
    vector, vector_output, vectors_output,
};
use qdrant_edge::{
    DEFAULT_VECTOR_NAME, EdgeConfig, PointStructPersisted, VectorInternal, VectorPersisted,
    VectorStructInternal, VectorStructPersisted,
};
use tonic::Status;

use super::{ids, payload, unsupported, wrong};

/// A point as it is kept; its vectors fit the collection.
pub(in crate::vectors) fn point_in(
    point: PointStruct,
    config: &EdgeConfig,
) -> Result<PointStructPersisted, Status> {
    let vector = vectors_in(point.vectors)?;
    check(&vector, config)?;
    Ok(PointStructPersisted {
        id: ids::required(point.id)?,
        vector,
        payload: Some(payload::payload_in(point.payload)?),
    })
}

fn vectors_in(vectors: Option<Vectors>) -> Result<VectorStructPersisted, Status> {
    let Some(options) = vectors.and_then(|vectors| vectors.vectors_options) else {
        return Ok(VectorStructPersisted::Named(HashMap::new()));
    };
    match options {
        VectorsOptions::Vector(vector) => dense_in(vector).map(VectorStructPersisted::Single),
        VectorsOptions::Vectors(named) => {
            let named: Result<_, Status> = named
                .vectors
                .into_iter()
                .map(|(name, vector)| Ok((name, VectorPersisted::Dense(dense_in(vector)?))))
                .collect();
            named.map(VectorStructPersisted::Named)
        }
    }
}

/// Also reads the fields in which clients before 1.16 send a vector.
#[allow(deprecated)]
fn dense_in(vector: Vector) -> Result<Vec<f32>, Status> {
    match vector.vector {
        Some(vector::Vector::Dense(dense)) => Ok(dense.data),
        Some(vector::Vector::Sparse(_) | vector::Vector::MultiDense(_)) => {
            Err(unsupported("a sparse or multi vector"))
        }
        Some(_) => Err(unsupported("inference")),
        None if vector.indices.is_some() || vector.vectors_count.is_some() => {
            Err(unsupported("a sparse or multi vector"))
        }
        None => Ok(vector.data),
    }
}

fn check(vector: &VectorStructPersisted, config: &EdgeConfig) -> Result<(), Status> {
    match vector {
        VectorStructPersisted::Single(dense) => {
            check_dimension(DEFAULT_VECTOR_NAME, dense.len(), config)
        }
        VectorStructPersisted::Named(named) => {
            named.iter().try_for_each(|(name, vector)| match vector {
                VectorPersisted::Dense(dense) => check_dimension(name, dense.len(), config),
                _ => Err(unsupported("a sparse or multi vector")),
            })
        }
        VectorStructPersisted::MultiDense(_) => Err(unsupported("a multi vector")),
    }
}

/// What the engine would find out too, but only after it has written its log.
pub(in crate::vectors) fn check_dimension(
    name: &str,
    got: usize,
    config: &EdgeConfig,
) -> Result<(), Status> {
    let expected = config.vectors.get(name).map(|params| params.size);
    match expected {
        None => Err(wrong(format!("Not existing vector name error: {name}"))),
        Some(size) if size != got => Err(wrong(format!(
            "Vector dimension error: expected dim: {size}, got {got}"
        ))),
        Some(_) => Ok(()),
    }
}

pub(in crate::vectors) fn vectors_out(vectors: VectorStructInternal) -> Option<VectorsOutput> {
    let options = match vectors {
        VectorStructInternal::Single(dense) => {
            vectors_output::VectorsOptions::Vector(dense_out(dense))
        }
        VectorStructInternal::MultiDense(_) => return None,
        VectorStructInternal::Named(named) => {
            vectors_output::VectorsOptions::Vectors(NamedVectorsOutput {
                vectors: named
                    .into_iter()
                    .filter_map(|(name, vector)| match vector {
                        VectorInternal::Dense(dense) => Some((name, dense_out(dense))),
                        _ => None,
                    })
                    .collect(),
            })
        }
    };
    Some(VectorsOutput {
        vectors_options: Some(options),
    })
}

fn dense_out(data: Vec<f32>) -> VectorOutput {
    VectorOutput {
        vector: Some(vector_output::Vector::Dense(DenseVector { data })),
        ..VectorOutput::default()
    }
}
