//! Payloads that nobody expects: whole ones, and good ones with a field gone wrong.

use bytes::Bytes;
use serde_json::Value;

/// A string this long (1 MiB) is a body most brokers still take.
const LONG: usize = 1 << 20;

/// Whole payloads, from empty to deeper than any stack.
pub(super) fn payloads() -> Vec<Bytes> {
    let mut corpus: Vec<Bytes> = [
        &b""[..],
        b" ",
        b"\0",
        b"\xff\xfe{\0}\0",
        b"{\"name\":\"caf\xe9\"}",
        b"\xef\xbb\xbf{}",
        b"null",
        b"true",
        b"0",
        b"-1",
        b"1e400",
        b"\"text\"",
        b"[]",
        b"[{}]",
        b"{}",
        b"{\"\":null}",
        b"{\"a\":1,\"a\":2}",
        b"{\"a\":NaN}",
        b"{\"a\":Infinity}",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":",
        b"{} trailing",
        b"<xml/>",
        b"user_id,product_id\n1,2\n",
    ]
    .into_iter()
    .map(Bytes::from_static)
    .collect();
    let long = "x".repeat(LONG);
    corpus.push(Bytes::from("[".repeat(100_000)));
    corpus.push(Bytes::from("[".repeat(10_000) + &"]".repeat(10_000)));
    corpus.push(Bytes::from(
        "{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000),
    ));
    corpus.push(Bytes::from(format!("\"{long}\"")));
    corpus.push(Bytes::from(format!("{{\"{long}\":1}}")));
    corpus.push(Bytes::from("9".repeat(10_000)));
    corpus
}

/// The good payload with each of its fields gone, doubled, or replaced by each wrong value.
/// Nothing where the payload is no JSON object.
pub(super) fn mutations(good: &[u8]) -> Vec<Bytes> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(good) else {
        return Vec::new();
    };
    let fields: Vec<(String, String)> = fields
        .iter()
        .map(|(key, value)| (Value::from(key.as_str()).to_string(), value.to_string()))
        .collect();
    let wrong = wrong_values();
    let mut corpus = Vec::new();
    for victim in 0..fields.len() {
        let without: Vec<String> = fields
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != victim)
            .map(|(_, (key, value))| format!("{key}:{value}"))
            .collect();
        let object = |extra: &[String]| {
            let members: Vec<&str> = without.iter().chain(extra).map(String::as_str).collect();
            Bytes::from(format!("{{{}}}", members.join(",")))
        };
        let Some((key, value)) = fields.get(victim) else {
            continue;
        };
        corpus.push(object(&[]));
        corpus.push(object(&[format!("{key}:{value}"), format!("{key}:null")]));
        corpus.extend(
            wrong
                .iter()
                .map(|value| object(&[format!("{key}:{value}")])),
        );
    }
    corpus
}

/// JSON values that fit few fields; all of them are well-formed JSON.
fn wrong_values() -> Vec<String> {
    let mut values: Vec<String> = [
        "null",
        "true",
        "-1",
        "0",
        "0.1",
        "1e308",
        "1e400",
        "-9223372036854775809",
        "18446744073709551616",
        "\"\"",
        "\"NaN\"",
        "\"-Infinity\"",
        "\"\\u0000\"",
        "\"\\ud83d\\ude00\"",
        "\"'; DROP --\"",
        "\"0000-00-00T00:00:00Z\"",
        "\"+275760-09-13T00:00:00.001Z\"",
        "[]",
        "[null]",
        "{}",
        "{\"$date\":1}",
    ]
    .map(str::to_owned)
    .into();
    values.push("[".repeat(100) + &"]".repeat(100));
    values.push("9".repeat(400));
    values.push(format!("\"{}\"", "x".repeat(LONG)));
    values
}
