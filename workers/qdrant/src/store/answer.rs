//! Points as the server answers them.

use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::{PointId, RetrievedPoint, Value, vector_output};
use std::collections::HashMap;
use uuid::Uuid;

use super::error::StoreError;

/// A point that stands in a collection.
#[derive(Clone, Debug)]
pub struct Point {
    id: Uuid,
    payload: HashMap<String, Value>,
    vector: Option<Vec<f32>>,
}

impl Point {
    /// Its id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Its vector, at length one as the server keeps it; `None` where it has none or none was
    /// asked for.
    pub fn vector(&self) -> Option<&[f32]> {
        self.vector.as_deref()
    }

    /// A text of the payload.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.payload.get(key)?.kind.as_ref()? {
            Kind::StringValue(text) => Some(text),
            _ => None,
        }
    }

    /// A number of the payload.
    #[allow(clippy::cast_precision_loss, reason = "weights and counts are small")]
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.payload.get(key)?.kind.as_ref()? {
            Kind::DoubleValue(number) => Some(*number),
            Kind::IntegerValue(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// The payload as it was asked for, as JSON with its keys in sorted order.
    pub fn json(&self) -> serde_json::Value {
        let entries = self.payload.iter();
        let mut payload: serde_json::Value = entries
            .map(|(key, value)| (key.clone(), json(value)))
            .collect();
        payload.sort_all_objects();
        payload
    }

    pub(super) fn read(point: RetrievedPoint) -> Result<Self, StoreError> {
        let vector = point.vectors.and_then(|vectors| vectors.get_vector());
        let vector = match vector {
            Some(vector_output::Vector::Dense(dense)) if !dense.data.is_empty() => Some(dense.data),
            _ => None,
        };
        Self::of(point.id, point.payload, vector)
    }

    pub(super) fn of(
        id: Option<PointId>,
        payload: HashMap<String, Value>,
        vector: Option<Vec<f32>>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            id: uuid(id)?,
            payload,
            vector,
        })
    }

    pub(crate) fn into_vector(self) -> Option<Vec<f32>> {
        self.vector
    }
}

pub(super) fn uuid(id: Option<PointId>) -> Result<Uuid, StoreError> {
    match id.and_then(|id| id.point_id_options) {
        Some(PointIdOptions::Uuid(text)) => {
            Uuid::parse_str(&text).map_err(|_| StoreError::Answer("a point id is no UUID"))
        }
        _ => Err(StoreError::Answer(
            "a point id is no UUID; is the collection ours?",
        )),
    }
}

fn json(value: &Value) -> serde_json::Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(b)) => (*b).into(),
        Some(Kind::IntegerValue(i)) => (*i).into(),
        Some(Kind::DoubleValue(f)) => (*f).into(),
        Some(Kind::StringValue(s)) => s.as_str().into(),
        Some(Kind::ListValue(list)) => list.values.iter().map(json).collect(),
        Some(Kind::StructValue(fields)) => {
            let fields = fields.fields.iter();
            fields
                .map(|(key, value)| (key.clone(), json(value)))
                .collect()
        }
    }
}
