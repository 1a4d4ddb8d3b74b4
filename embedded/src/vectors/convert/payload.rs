//! Payloads: the protocol's values and JSON.

use std::collections::HashMap;

use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::{ListValue, NullValue, Struct, Value};
use qdrant_edge::Payload;
use serde_json::Value as Json;
use tonic::Status;

use super::wrong;

pub(in crate::vectors) fn payload_in(payload: HashMap<String, Value>) -> Result<Payload, Status> {
    let map: Result<_, Status> = payload
        .into_iter()
        .map(|(key, value)| Ok((key, json(value)?)))
        .collect();
    Ok(Payload(map?))
}

pub(in crate::vectors) fn payload_out(payload: Option<Payload>) -> HashMap<String, Value> {
    let map = payload.map(|payload| payload.0).unwrap_or_default();
    map.into_iter()
        .map(|(key, json)| (key, value(json)))
        .collect()
}

/// Depth is bounded by the protocol's decoder (100 messages within each other).
fn json(value: Value) -> Result<Json, Status> {
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(flag)) => Json::Bool(flag),
        Some(Kind::IntegerValue(number)) => number.into(),
        Some(Kind::DoubleValue(number)) => {
            serde_json::Number::from_f64(number)
                .map(Json::Number)
                .ok_or_else(|| wrong("a payload number is not finite"))?
        }
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::ListValue(list)) => Json::Array(
            list.values
                .into_iter()
                .map(json)
                .collect::<Result<_, _>>()?,
        ),
        Some(Kind::StructValue(map)) => Json::Object(payload_in(map.fields)?.0),
    })
}

fn value(json: Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(NullValue::NullValue.into()),
        Json::Bool(flag) => Kind::BoolValue(flag),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Kind::IntegerValue(integer),
            // beyond 64 bits with sign only a double holds it
            None => Kind::DoubleValue(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Kind::StringValue(text),
        Json::Array(items) => Kind::ListValue(ListValue {
            values: items.into_iter().map(value).collect(),
        }),
        Json::Object(map) => Kind::StructValue(Struct {
            fields: payload_out(Some(Payload(map))),
        }),
    };
    Value { kind: Some(kind) }
}
