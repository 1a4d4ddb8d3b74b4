//! A body that is read as a whole: within its time, its size, and the memory there is.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde::de::{Deserializer as _, Error as _, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::super::Gateway;
use super::super::budget::Held;
use super::TRY_AGAIN;
use super::terms::Form;
use crate::config::{show_size, show_time};
use crate::operate::HttpProblem;

/// What a client that sends too much may still send before the answer: one that has not read
/// it yet would only see its connection break.
const LINGER_BYTES: usize = 64 << 20;
const LINGER: Duration = Duration::from_secs(5);

/// A body and the memory it takes.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    _held: Held,
}

/// The events in a body.
#[derive(Debug)]
pub(super) enum Parts {
    One(Bytes),
    Many(Vec<Bytes>),
}

/// Reads all of it. With `patient` the client waits to be asked for the body.
pub(super) async fn whole(
    gateway: &Gateway,
    body: Body,
    patient: bool,
) -> Result<Whole, HttpProblem> {
    let limits = &gateway.config.gateway;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut body = body.into_data_stream();
    let read = match announced > limits.max_body {
        true => Err(too_large(limits.max_body)),
        false => timeout(limits.body_timeout, collect(gateway, &mut body))
            .await
            .unwrap_or_else(|_| Err(too_slow(limits.body_timeout))),
    };
    let too_much = [
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    if let Err(problem) = &read
        && too_much.contains(&problem.status())
        && !patient
    {
        let _ = timeout(LINGER, discard(body)).await;
    }
    read
}

async fn collect(gateway: &Gateway, chunks: &mut BodyDataStream) -> Result<Whole, HttpProblem> {
    let limit = gateway.config.gateway.max_body;
    let (mut bytes, mut held) = (BytesMut::new(), Held::default());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| broken(&error))?;
        let length = bytes.len().saturating_add(chunk.len());
        if length > limit {
            return Err(too_large(limit));
        }
        if !gateway.budget.resize(&mut held, length) {
            return Err(no_room());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Whole {
        bytes: bytes.freeze(),
        _held: held,
    })
}

async fn discard(mut chunks: BodyDataStream) {
    let mut left = LINGER_BYTES;
    while let Some(Ok(chunk)) = chunks.next().await {
        let Some(less) = left.checked_sub(chunk.len()) else {
            return;
        };
        left = less;
    }
}

/// The events in `body`, at most `most`: elements of an array, or the one that it is.
pub(super) fn split(body: &Bytes, form: Form, most: usize) -> Result<Parts, HttpProblem> {
    let all: &[u8] = body;
    let json = all
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(all)
        .trim_ascii();
    let is_array = json.first() == Some(&b'[');
    if form == Form::Binary || (form != Form::Batch && !is_array) {
        return Ok(Parts::One(body.clone()));
    }
    let text = std::str::from_utf8(json).map_err(|error| {
        let at = error.valid_up_to();
        nothing(
            format!("the array is not UTF-8 from byte {at} on"),
            "body-not-utf8",
        )
    })?;
    let elements = elements(text, most).map_err(|error| match error.classify() {
        Category::Data if is_array => {
            let detail = format!("more than {most} events; send them in several requests");
            HttpProblem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        }
        Category::Data => nothing("a batch is a JSON array".to_owned(), "body-not-json"),
        _ => {
            let (line, column) = (error.line(), error.column());
            let detail = format!("the array is no JSON at line {line}, column {column}");
            nothing(detail, "body-not-json")
        }
    })?;
    if elements.is_empty() {
        return Err(nothing(
            "the array holds no event".to_owned(),
            "body-not-json",
        ));
    }
    let element = |raw: &&RawValue| body.slice_ref(raw.get().as_bytes());
    Ok(Parts::Many(elements.iter().map(element).collect()))
}

fn elements(text: &str, most: usize) -> Result<Vec<&RawValue>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let elements = deserializer.deserialize_seq(Elements { most })?;
    deserializer.end()?;
    Ok(elements)
}

struct Elements {
    most: usize,
}

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            if elements.len() == self.most {
                return Err(A::Error::custom("too many elements"));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

/// None of it is an event.
fn nothing(detail: String, code: &'static str) -> HttpProblem {
    HttpProblem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        .with("code", code)
        .with("accepted", 0)
        .with("ids", json!([]))
        .with("rejected", json!([]))
}

pub(super) fn too_large(limit: usize) -> HttpProblem {
    let limit = show_size(u64::try_from(limit).unwrap_or(u64::MAX));
    let detail = format!("larger than {limit}; send fewer events at once, or lines");
    HttpProblem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

pub(super) fn too_slow(within: Duration) -> HttpProblem {
    let detail = format!("the body did not arrive within {}", show_time(within));
    HttpProblem::new(StatusCode::REQUEST_TIMEOUT, detail)
}

pub(super) fn broken(error: &axum::Error) -> HttpProblem {
    let detail = format!("the body cannot be read: {error}");
    HttpProblem::new(StatusCode::BAD_REQUEST, detail)
}

pub(super) fn no_room() -> HttpProblem {
    let detail = "no memory is left for the body";
    HttpProblem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(TRY_AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str, form: Form) -> Result<Vec<String>, u16> {
        let body = Bytes::from(text.to_owned());
        let parts = match split(&body, form, 3).map_err(|p| p.status().as_u16())? {
            Parts::One(one) => vec![one],
            Parts::Many(many) => many,
        };
        Ok(parts
            .iter()
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect())
    }

    #[test]
    fn an_array_is_its_elements_and_anything_else_is_one_event() {
        assert_eq!(
            parts(" [ {\"a\": [1]} , 2 ]\n", Form::Json).unwrap(),
            ["{\"a\": [1]}", "2"]
        );
        assert_eq!(parts("\u{feff}[1]", Form::Json).unwrap(), ["1"]);
        assert_eq!(parts("{}", Form::Json).unwrap(), ["{}"]);
        assert_eq!(parts("[1]", Form::Binary).unwrap(), ["[1]"]);
        assert_eq!(parts("", Form::Json).unwrap(), [""]);
    }

    #[test]
    fn an_array_that_is_broken_empty_or_too_long_is_refused_as_a_whole() {
        for text in ["[1", "[1,]", "[1]]", "[]", "[1] x", "[nul]"] {
            assert_eq!(parts(text, Form::Json), Err(422), "{text}");
        }
        assert_eq!(parts("[1,2,3,4]", Form::Json), Err(413));
        assert_eq!(parts("{}", Form::Batch), Err(422));
    }
}
