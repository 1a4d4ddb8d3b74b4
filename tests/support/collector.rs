//! An OTLP collector for tests.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// Head and spans of every export.
pub type Exports = Arc<Mutex<Vec<(String, Vec<Span>)>>>;

/// Takes what is exported, on threads of its own: a flush blocks the test's.
pub struct Collector {
    /// Its base URL.
    pub endpoint: String,
    pub exports: Exports,
}

impl Collector {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/", listener.local_addr().unwrap());
        let exports = Exports::default();
        let taken = exports.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let exports = taken.clone();
                thread::spawn(move || while take(&stream, &exports).is_some() {});
            }
        });
        Self { endpoint, exports }
    }

    pub fn spans(&self, name: &str) -> Vec<Span> {
        let exports = self.exports.lock().unwrap();
        let spans = exports.iter().flat_map(|(_, spans)| spans.iter());
        spans.filter(|span| span.name == name).cloned().collect()
    }

    /// The one span of this name.
    pub fn only(&self, name: &str) -> Span {
        let spans = self.spans(name);
        assert_eq!(spans.len(), 1, "{name}: {spans:#?}");
        spans[0].clone()
    }
}

/// Takes one export; `None` at the end of the connection.
fn take(stream: &TcpStream, exports: &Exports) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1)?;
    let length = length.lines().next()?.trim().parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
    let scopes = request.resource_spans.into_iter();
    let scopes = scopes.flat_map(|resource| resource.scope_spans);
    let spans = scopes.flat_map(|scope| scope.spans).collect();
    exports.lock().unwrap().push((head, spans));
    let mut stream = stream;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .ok()
}

/// An attribute.
pub fn text(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|pair| pair.key == key)?;
    match found.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{key}: {other:?}"),
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The `traceparent` of what happens inside the span.
pub fn trace_parent(span: &Span) -> String {
    format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id))
}
